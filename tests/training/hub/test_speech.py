"""Laws of public speech encoders: what lies beside a clip has no influence, and nothing is cut off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModel

from emobridge.encoders.hub import base
from emobridge.encoders.hub.acceleration import precision
from emobridge.encoders.hub.speech import HubAcousticConfig, HubAcousticEncoder, open_acoustic, pool_frames
from emobridge.errors import BundleError, RecipeError

Open = Callable[..., HubAcousticEncoder]
KINDS = [(family, norm) for family in ("hubert", "wavlm", "wav2vec2") for norm in ("group", "layer")]
KINDS.append(("whisper", "layer"))
every_kind = pytest.mark.parametrize(("family", "norm"), KINDS)


@pytest.fixture(scope="session")
def open_tiny(checkpoint: Callable[..., str]) -> Open:
    """A function (family, norm, **fields of `HubAcousticConfig`) -> an encoder of a tiny checkpoint."""

    def make(family: str = "hubert", norm: str = "layer", **fields: object) -> HubAcousticEncoder:
        shortest = {"window_s": 1.0} if family == "whisper" else {}
        return open_acoustic(HubAcousticConfig(checkpoint(family, norm), **{**shortest, **fields}))  # type: ignore[arg-type]

    return make


def sound(samples: int, seed: int = 0) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@every_kind
def test_a_clip_alone_gives_what_it_gives_beside_longer_ones(open_tiny: Open, family: str, norm: str) -> None:
    encoder = open_tiny(family, norm)
    sounds = [sound(samples, seed) for seed, samples in enumerate((9000, 4000, 12_345, 4000))]
    for alone, beside in zip(map(encoder.encode, sounds), encoder.encode_batch(sounds), strict=True):
        np.testing.assert_allclose(beside, alone, atol=1e-5)


@every_kind
def test_a_clip_alone_is_what_the_library_makes_of_it(
    open_tiny: Open, checkpoint: Callable[..., str], family: str, norm: str
) -> None:
    folder, samples = checkpoint(family, norm), sound(11_000)
    inputs = AutoFeatureExtractor.from_pretrained(folder)(samples, sampling_rate=16_000, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    model = model.encoder if family == "whisper" else model
    inputs.pop("attention_mask", None)
    with torch.inference_mode():
        expected = model(**inputs).last_hidden_state[0].numpy()
    found = open_tiny(family, norm).encode(samples)
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-5)
    assert len(found) == (35 if family == "whisper" else len(expected))  # 11 000 samples, 320 a vector


def test_checkpoints_normalised_over_time_would_hear_padding(checkpoint: Callable[..., str]) -> None:
    model = AutoModel.from_pretrained(checkpoint("hubert", "group")).eval()
    samples = torch.from_numpy(sound(4000))[None]
    with torch.inference_mode():
        alone = model(samples).last_hidden_state
        padded = model(torch.nn.functional.pad(samples, (0, 9000))).last_hidden_state[:, : alone.shape[1]]
    assert (alone - padded).abs().max() > 0.01


@every_kind
@pytest.mark.parametrize("samples", [1, 300, 1600])
def test_any_sound_gives_a_vector(open_tiny: Open, family: str, norm: str, samples: int) -> None:
    found = open_tiny(family, norm).encode(sound(samples))
    assert found.dtype == np.float32
    assert found.shape[1] == 16
    assert len(found) >= 1
    assert np.isfinite(found).all()


@given(st.integers(1, 80_000), st.integers(1, 5), st.sampled_from([0.7, 1.0, 30.0]))
@settings(max_examples=25, deadline=None)
def test_the_number_of_vectors_is_known_before(open_tiny: Open, samples: int, pooled: int, window_s: float) -> None:
    encoder = open_tiny(window_s=window_s, pool_frames=pooled)
    windows = -(-samples // round(window_s * 16_000))
    assert abs(len(encoder.encode(sound(samples))) - encoder.vector_count(samples / 16_000)) <= windows


def test_long_sound_goes_through_in_equal_parts_and_nothing_is_cut_off(open_tiny: Open) -> None:
    samples = sound(24_000)
    whole, parted = open_tiny(window_s=1.5), open_tiny(window_s=1.0)
    halves = [whole.encode(half) for half in np.array_split(samples, 2)]
    np.testing.assert_allclose(parted.encode(samples), np.concatenate(halves), atol=1e-5)
    assert len(whole.encode(samples)) - len(np.concatenate(halves)) in {0, 1}  # at most the step across the cut


@given(st.integers(1, 40), st.integers(1, 9))
def test_pooled_vectors_are_means_of_neighbours(count: int, pooled: int) -> None:
    vectors = np.random.default_rng(count).standard_normal((count, 3)).astype(np.float32)
    found = pool_frames(vectors, pooled)
    expected = [vectors[start : start + pooled].mean(axis=0) for start in range(0, count, pooled)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("family", ["hubert", "whisper"])
def test_layers_stand_side_by_side_and_the_last_is_the_last(open_tiny: Open, family: str) -> None:
    samples = sound(8000)
    last, every, some = (open_tiny(family, layers=layers) for layers in ("last", "all", (0, 2)))
    assert (every.shape.layers, every.dimension, some.dimension) == (3, 48, 32)
    found = every.encode(samples)
    np.testing.assert_allclose(found[:, 32:], last.encode(samples), atol=1e-6)
    np.testing.assert_allclose(some.encode(samples), np.delete(found, np.s_[16:32], axis=1), atol=1e-6)


def test_the_fingerprint_follows_all_that_the_vectors_depend_on(
    open_tiny: Open, checkpoint: Callable[..., str]
) -> None:
    same = {open_tiny().fingerprint, open_tiny(layers=(2,)).fingerprint, open_tiny(revision="main").fingerprint}
    others = {
        open_tiny(**fields).fingerprint  # type: ignore[arg-type]
        for fields in (
            {"layers": "all"},
            {"pool_frames": 2},
            {"window_s": 5.0},
            {"precision": "float32"},
            {"precision": "int8"},
            {"norm": "group"},
        )
    }
    assert len(same) == 1
    assert len(others - same) == 6


def test_weights_are_not_read_before_they_are_needed_nor_where_a_graph_is_kept(
    open_tiny: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path))
    loads = []
    load = base.load_weights
    monkeypatch.setattr(base, "load_weights", lambda *args: loads.append(args) or load(*args))
    encoder = open_tiny()
    assert encoder.vector_count(1.0) > 0
    assert not loads
    first, again = encoder.encode(sound(4000)), encoder.encode(sound(4000))
    assert len(loads) == 1
    encoder.release()
    np.testing.assert_array_equal(encoder.encode(sound(4000)), first)
    np.testing.assert_array_equal(open_tiny().encode(sound(4000)), first)
    np.testing.assert_array_equal(again, first)
    assert len(loads) == 1


def test_half_precision_is_used_where_the_machine_has_it_and_never_emulated(
    open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_in_half", lambda device: False)
    whole = open_tiny()
    assert whole.precision == "float32"
    with pytest.raises(RecipeError, match=r"'bfloat16' for encoder .* has no units for bfloat16.*; use 'auto'"):
        open_tiny(precision="bfloat16")
    monkeypatch.setattr(precision, "computes_in_half", lambda device: True)
    monkeypatch.setattr(precision, "measured_speeds", lambda: {"float32": 1.0, "bfloat16": 2.0})
    half = open_tiny()
    assert half.precision == "bfloat16"
    assert open_tiny(precision="float32").precision == "float32"
    assert half.fingerprint == whole.fingerprint
    found, expected = half.encode(sound(8000)), whole.encode(sound(8000))
    assert 0 < np.abs(found - expected).max() < 0.1


def test_windows_are_equal_and_of_ten_seconds_at_most_unless_set(open_tiny: Open) -> None:
    samples = sound(400_000)  # 25 s
    encoder = open_tiny()
    thirds = [encoder.encode(part) for part in np.array_split(samples, 3)]
    np.testing.assert_array_equal(encoder.encode(samples), np.concatenate(thirds))
    assert open_tiny(window_s=10.0).fingerprint == encoder.fingerprint
    assert encoder.named(()).settings["window_s"] == 10.0
    assert open_tiny("whisper", window_s=None).config.window_s == 1.0  # what this one hears at once


def test_layers_and_windows_that_the_checkpoint_lacks_are_refused(open_tiny: Open) -> None:
    for layers in ((3,), (-1,), (), (1, 1)):
        with pytest.raises(RecipeError, match=r"layers \[.*\] of encoder .*; it has 0 to 2, .*; name some of these"):
            open_tiny(layers=layers)
    with pytest.raises(RecipeError, match=r"window_s 1\.5 .*; it hears at most 1 s at once; set window_s = 1"):
        open_tiny("whisper", window_s=1.5)


def test_a_text_encoder_and_a_folder_without_a_front_end_are_refused(
    checkpoint: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(
        BundleError, match=r"is a 'bert'; encoders of this modality are hubert, .*; choose one of these"
    ):
        open_acoustic(HubAcousticConfig(checkpoint("bert")))
    for file in Path(checkpoint("hubert")).iterdir():
        if file.name != "preprocessor_config.json":
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(BundleError, match=r"has no readable preprocessor_config\.json.*; fetch it again") as caught:
        open_acoustic(HubAcousticConfig(str(tmp_path)))
    assert "\n" not in str(caught.value)
