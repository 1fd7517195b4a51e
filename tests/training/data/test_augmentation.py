"""Laws of perturbations: seeded, in time, as loud as before, and each does to sound what its name and units say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from emobridge.training.data import augmentation
from emobridge.training.data.augmentation import (
    NOISES,
    SAMPLE_RATE_HZ,
    add_noise,
    change_gain,
    change_rate,
    clip_peaks,
    crowd,
    limit_band,
    mu_law,
    perturb,
    reverberate,
    room_response,
    telephone_band,
    through_codec,
    through_microphone,
)

Samples = NDArray[np.float32]
Change = Callable[[Samples], Samples]


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ROOM = room_response(0.5, 3.0, seeded())
# What keeps a clip's length, time and level, by name, and the least correlation with the clip.
KEEPING: dict[str, tuple[Change, float]] = {
    "room": (lambda samples: reverberate(samples, ROOM), 0.5),
    "mp3 16": (lambda samples: through_codec(samples, "mp3", 16_000), 0.95),
    "mp3 32": (lambda samples: through_codec(samples, "mp3", 32_000), 0.98),
    "opus 6": (lambda samples: through_codec(samples, "opus", 6_000), 0.7),
    "opus 16": (lambda samples: through_codec(samples, "opus", 16_000), 0.85),
    "telephone": (telephone_band, 0.3),  # the fundamental is gone
    "mu-law": (mu_law, 0.98),
    "band": (lambda samples: limit_band(samples, 3_000.0), 0.98),
    "microphone": (lambda samples: through_microphone(samples, 3.0, seeded()), 0.7),
}
keeping = pytest.mark.parametrize("name", KEEPING)


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def tone(hz: float, seconds: float = 0.5) -> Samples:
    return (0.2 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)).astype("f4")


@pytest.fixture(scope="module")
def speech(speech_like: Callable[..., Samples]) -> Samples:
    return speech_like(1.5)


@keeping
def test_length_level_time_and_likeness_are_kept(name: str, speech: Samples) -> None:
    change, correlation = KEEPING[name]
    changed = change(speech)
    assert changed.shape == speech.shape
    assert changed.dtype == np.float32
    assert level(changed) == pytest.approx(level(speech), rel=1e-3)
    reach = 400
    products = np.correlate(changed[reach:-reach], speech, "valid")
    assert abs(int(np.argmax(products)) - reach) <= 16  # a millisecond
    assert np.corrcoef(changed, speech)[0, 1] > correlation


@keeping
@pytest.mark.parametrize("samples", [np.zeros(1), np.ones(1), np.zeros(700), np.full(3, -0.5)])
def test_a_sample_and_silence_survive(name: str, samples: NDArray[Any]) -> None:
    changed = KEEPING[name][0](samples.astype(np.float32))
    assert changed.shape == samples.shape
    assert np.isfinite(changed).all()
    assert samples.any() or level(changed) < 1e-3


@given(st.sampled_from(sorted(NOISES)), st.floats(-10, 40), st.integers(0, 9), st.integers(200, 9_000))
@settings(max_examples=40, deadline=None)
def test_the_ratio_of_signal_to_noise_is_the_one_asked_for(kind: str, ratio_db: float, seed: int, count: int) -> None:
    signal = 0.1 * seeded(seed + 100).standard_normal(count, dtype=np.float32)
    noise = NOISES[kind](count, seeded(seed))
    assert_array_equal(noise, NOISES[kind](count, seeded(seed)))
    added = add_noise(signal, noise, ratio_db) - signal
    assert 20 * np.log10(level(signal) / level(added)) == pytest.approx(ratio_db, abs=0.05)


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_as_long_as_asked_for_and_none_is_added_to_silence(kind: str) -> None:
    for count in (1, 2, 321):
        noise = NOISES[kind](count, seeded())
        assert noise.shape == (count,)
        assert noise.dtype == np.float32
        assert not add_noise(np.zeros(count, np.float32), noise, 0.0).any()


def test_pink_noise_has_equal_power_in_octaves_white_noise_doubles() -> None:
    for kind, expected in (("white", 2.0), ("pink", 1.0)):
        power = np.abs(np.fft.rfft(NOISES[kind](2**17, seeded()))) ** 2
        hz = np.fft.rfftfreq(2**17, 1 / SAMPLE_RATE_HZ)
        octaves = [power[(hz >= low) & (hz < 2 * low)].sum() for low in (250, 500, 1_000, 2_000)]
        assert np.divide(octaves[1:], octaves[:-1]) == pytest.approx([expected] * 3, rel=0.1)


def test_a_crowd_is_made_of_its_voices_equally_loud(speech: Samples) -> None:
    loud, quiet = tone(300), 0.01 * tone(1_000)
    power = np.abs(np.fft.rfft(crowd([loud, quiet], SAMPLE_RATE_HZ, seeded()))) ** 2
    assert power[300] == pytest.approx(power[1_000], rel=0.1)
    assert power[[300, 1_000]].sum() > 0.95 * power.sum()
    assert crowd([speech], 7, seeded()).shape == (7,)


@pytest.mark.parametrize(("reverberation_s", "direct_ratio_db"), [(0.3, 6.0), (0.6, 0.0), (1.0, -3.0)])
def test_a_room_decays_by_60_db_in_its_time_and_the_direct_sound_comes_first(
    reverberation_s: float, direct_ratio_db: float
) -> None:
    response = room_response(reverberation_s, direct_ratio_db, seeded(1)).astype(np.float64)
    assert response[0] == 1.0
    assert -10 * np.log10(np.sum(response[1:] ** 2)) == pytest.approx(direct_ratio_db, abs=0.01)
    left_db = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1])  # Schroeder's backward integral
    left_db -= left_db[0]
    between = np.flatnonzero((left_db < -10) & (left_db > -30))
    slope, _ = np.polyfit(between / SAMPLE_RATE_HZ, left_db[between], 1)
    assert -60 / slope == pytest.approx(reverberation_s, rel=0.1)


def test_filters_pass_their_band_and_stop_the_rest() -> None:
    tones = {hz: tone(hz) for hz in (100, 1_000, 2_000, 3_800, 5_000)}
    mixed = np.sum(list(tones.values()), axis=0, dtype=np.float32)
    for change, passed in (
        (telephone_band, {1_000, 2_000}),
        (lambda each: limit_band(each, 2_500.0), {100, 1_000, 2_000}),
    ):
        power = np.abs(np.fft.rfft(change(mixed))) ** 2
        heard = {hz for hz in tones if power[hz // 2] > 0.1 * power[500]}
        assert heard == passed


def test_mu_law_has_at_most_255_levels_in_8_khz() -> None:
    ramp = np.linspace(-1, 1, 8_000, dtype=np.float32)
    assert np.abs(mu_law(ramp) - ramp)[200:-200].max() < 0.03
    quiet = mu_law(np.float32(1e-5) * tone(1_000))
    assert not quiet.any()  # less than half the smallest level


@given(st.floats(0.01, 1), st.integers(0, 20))
def test_clipping_bounds_at_its_share_of_the_peak_and_leaves_the_rest(share: float, seed: int) -> None:
    samples = seeded(seed).standard_normal(50).astype(np.float32)
    clipped = clip_peaks(samples, share)
    limit = share * np.abs(samples).max()
    assert np.abs(clipped).max() <= limit * (1 + 1e-6)
    assert_array_equal(clipped[np.abs(samples) < limit * 0.999], samples[np.abs(samples) < limit * 0.999])


@given(st.floats(-40, 40))
def test_gain_changes_the_level_by_its_decibels(gain_db: float) -> None:
    samples = tone(440, 0.02)
    assert 20 * np.log10(level(change_gain(samples, gain_db)) / level(samples)) == pytest.approx(gain_db, abs=1e-3)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.07])
def test_a_faster_rate_shortens_and_raises_the_pitch(factor: float) -> None:
    changed = change_rate(tone(1_000, 1.0), factor)
    assert len(changed) == round(SAMPLE_RATE_HZ / factor)
    peak = np.argmax(np.abs(np.fft.rfft(changed * np.hanning(len(changed)), 2**17)))
    assert peak * SAMPLE_RATE_HZ / 2**17 == pytest.approx(1_000 * factor, abs=1)
    assert len(change_rate(np.ones(1, np.float32), factor)) == 1


def test_the_same_seed_gives_the_same_perturbed_clip_and_another_seed_another(speech: Samples) -> None:
    found = [perturb(speech, seeded(seed)) for seed in range(12)]
    for seed, changed in enumerate(found):
        assert_array_equal(changed, perturb(speech, seeded(seed)), strict=True)
        assert len(speech) / 1.11 < len(changed) < len(speech) / 0.89
        assert level(changed) == pytest.approx(level(speech), rel=0.01)
    assert len({changed.tobytes() for changed in found}) > 10


@pytest.mark.parametrize("samples", [np.zeros(900), np.zeros(1), np.ones(1)])
def test_any_chain_survives_a_sample_and_silence(samples: NDArray[Any]) -> None:
    for seed in range(40):
        changed = perturb(samples.astype(np.float32), seeded(seed))
        assert len(changed) >= 1
        assert np.isfinite(changed).all()


def test_every_kind_of_line_is_met(speech: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    met = set()
    for name in ("telephone_band", "mu_law", "limit_band", "through_codec"):
        monkeypatch.setattr(augmentation, name, lambda samples, *rest, name=name: met.add((name, *rest[:1])) or samples)
    for seed in range(60):
        perturb(speech[:800], seeded(seed))
    kinds = {(name, codec) for name, *rest in met for codec in rest if isinstance(codec, str)}
    assert {name for name, *_ in met} == {"telephone_band", "mu_law", "limit_band", "through_codec"}
    assert kinds == {("through_codec", "mp3"), ("through_codec", "opus")}
