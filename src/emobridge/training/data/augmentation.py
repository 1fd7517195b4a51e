"""What happens to speech on its way to a microphone and from there to a file: noise, rooms, telephones, lossy codecs.

Samples are mono float32 at 16 kHz with full scale [-1, 1]. Every function is pure: what is random is drawn from the
generator that it is given, so that the same seed gives the same sound. What comes out is as long as what went in and
in time with it (`change_rate` apart), and as loud unless loudness is what changes, so that labels stay true.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft, signal

from emobridge.audio.conditioning import Samples
from emobridge.utils.extras import load_extra

VERSION = 1  # of what `perturb` makes of a clip and a number; part of the key under which copies are kept
SAMPLE_RATE_HZ = 16_000
LARGEST_CORRECTION = 10.0  # a filter that leaves less than a tenth of the level has left nothing to amplify
FILTER_TAIL_SAMPLES = 2_048  # zeros between the clip's end and its start, where a zero-phase filter rings
CODEC_TAIL_SAMPLES = 4_000  # zeros after the clip, for what an encoder holds back

Codec = Literal["mp3", "opus"]
_ENCODERS: dict[Codec, tuple[str, str, dict[str, str]]] = {
    # codec -> encoder, its sample format, its options: those of a live call, where speed counts
    "mp3": ("libmp3lame", "fltp", {"compression_level": "7"}),
    "opus": ("libopus", "s16", {"application": "voip", "compression_level": "3"}),
}
_DECODERS: dict[Codec, str] = {"mp3": "mp3float", "opus": "opus"}


def white_noise(count: int, generator: Generator) -> Samples:
    """Return ``count`` samples of noise with the same power at every frequency."""
    return generator.standard_normal(count, dtype=np.float32)


def pink_noise(count: int, generator: Generator) -> Samples:
    """Return ``count`` samples of noise with the same power in every octave above 20 Hz, as traffic and air have it."""
    return _filtered(white_noise(count, generator), lambda hz: 1.0 / np.sqrt(np.maximum(hz, 20.0)))


def hum(count: int, generator: Generator) -> Samples:
    """Return ``count`` samples of mains hum, 50 or 60 Hz and twelve harmonics, in a little pink noise."""
    phase = 2 * np.pi * generator.choice([50.0, 60.0]) * np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ
    strengths = generator.uniform(0.2, 1.0, 12) / np.arange(1, 13)
    shifts = generator.uniform(0, 2 * np.pi, 12)
    tones = sum(
        strength * np.sin((number + 1) * phase + shift)
        for number, (strength, shift) in enumerate(zip(strengths, shifts, strict=True))
    )
    hiss = pink_noise(count, generator)
    return np.asarray(tones + 0.1 * hiss / max(_level(hiss), 1e-9), np.float32)


def babble(count: int, generator: Generator) -> Samples:
    """Return ``count`` samples of what six people talking resemble: buzz of wandering pitch in syllables, no words.

    The spectrum falls by 9 dB an octave above 500 Hz, about that of speech over a long time [Byrne et al. 1994].
    """
    time_s = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ
    total = np.zeros(count, np.float32)
    for _ in range(6):
        pitch_hz, wander_hz, syllables_hz = generator.uniform((85.0, 0.3, 2.5), (250.0, 1.0, 6.0))
        shifts = generator.uniform(0, 2 * np.pi, 2)
        phase = np.cumsum(pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * wander_hz * time_s + shifts[0]))) / SAMPLE_RATE_HZ
        pulses = np.diff(np.floor(phase), prepend=0.0) * np.sqrt(SAMPLE_RATE_HZ / pitch_hz)
        breath = 0.3 * generator.standard_normal(count, dtype=np.float32)
        total += np.maximum(0.0, np.sin(2 * np.pi * syllables_hz * time_s + shifts[1])) * (pulses + breath)
    return _filtered(total, lambda hz: np.maximum(hz / 500.0, 1.0) ** -1.5)


NOISES: dict[str, Callable[[int, Generator], Samples]] = {
    "white": white_noise,
    "pink": pink_noise,
    "hum": hum,
    "babble": babble,
}


def crowd(voices: Sequence[Samples], count: int, generator: Generator) -> Samples:
    """Return ``count`` samples of real ``voices`` at once, equally loud, each repeated from a random place on."""
    total = np.zeros(count, np.float32)
    for voice in voices:
        turned = np.roll(voice, int(generator.integers(len(voice))))
        total += np.resize(turned, count) / max(_level(voice), 1e-9)
    return total


def add_noise(samples: Samples, noise: Samples, ratio_db: float) -> Samples:
    """Return ``samples`` (N,) with ``noise`` (N,) scaled to a signal-to-noise ratio; silence stays silent.

    Args:
        samples: the speech; it keeps its level.
        noise: at any level.
        ratio_db: power of the whole clip, pauses included, over that of the noise.
    """
    scale = _level(samples) / max(_level(noise), 1e-9) * 10 ** (-ratio_db / 20)
    return (samples + np.float32(scale) * noise).astype(np.float32)


def room_response(reverberation_s: float, direct_ratio_db: float, generator: Generator) -> Samples:
    """Return the response (M,) of an invented room, the direct sound at its first sample with amplitude 1.

    Eight early reflections within 40 ms, then Gaussian noise that decays exponentially [Polack 1988] and is darker
    than the direct sound, as walls and air make it.

    Args:
        reverberation_s: time in which the sound decays by 60 dB (living rooms 0.3 to 0.6 s, halls 1 s and more).
        direct_ratio_db: energy of the direct sound over that of all reflections (near the speaker above 0).
        generator: of the reflections.
    """
    count = max(2, round(reverberation_s * SAMPLE_RATE_HZ))
    decay = 10 ** (-3 * np.arange(count) / count)
    tail = signal.lfilter([0.5], [1, -0.5], generator.standard_normal(count)) * decay
    early = generator.integers(1, max(2, min(count, round(0.04 * SAMPLE_RATE_HZ))), 8)
    tail[early] += decay[early] * generator.choice([-1.0, 1.0], 8) * generator.uniform(1.0, 4.0, 8)
    tail[0] = 0.0
    response = tail * 10 ** (-direct_ratio_db / 20) / np.sqrt(np.sum(tail**2))
    response[0] = 1.0
    return np.asarray(response, np.float32)


def reverberate(samples: Samples, response: Samples) -> Samples:
    """Return ``samples`` (N,) in a room with this ``response`` (M,); the sound after the clip's end is cut off."""
    return _as_loud(signal.oaconvolve(samples, response)[: len(samples)], samples)


def through_codec(samples: Samples, codec: Codec, bit_rate: int) -> Samples:
    """Return ``samples`` (N,) encoded and decoded; what is beyond full scale is clipped.

    Args:
        samples: the speech.
        codec: ``mp3`` (LAME, constant rate) or ``opus`` (as in calls; from about 9 kbit/s on wide-band).
        bit_rate: in bit/s; mp3 8 000 to 160 000 in steps of 8 000, opus 6 000 and more.

    Raises:
        MissingExtraError: PyAV is not installed.
    """
    av: Any = load_extra("av", "media")
    name, sample_format, options = _ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE_HZ, "mono", sample_format
    encoder.bit_rate, encoder.time_base, encoder.options = bit_rate, Fraction(1, SAMPLE_RATE_HZ), options
    encoder.open()
    values = np.pad(np.clip(samples, -1.0, 1.0), (0, CODEC_TAIL_SAMPLES))[None]
    values = values.astype(np.float32) if sample_format == "fltp" else np.round(32_767 * values).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values, format=sample_format, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, 0, encoder.time_base
    decoder = av.CodecContext.create(_DECODERS[codec], "r")
    decoder.layout = "mono"
    if codec == "opus":  # its header tells the decoder how many samples to skip, as that of a file would
        decoder.extradata, decoder.sample_rate = encoder.extradata, 48_000
    packets = [*encoder.encode(frame), *encoder.encode(None), None]
    decoded = np.concatenate([part.to_ndarray().ravel() for packet in packets for part in decoder.decode(packet)])
    heard = _resampled(decoded.astype(np.float32), decoder.sample_rate, SAMPLE_RATE_HZ)
    return _as_loud(_fitted(heard, len(samples)), samples)


def telephone_band(samples: Samples) -> Samples:
    """Return ``samples`` (N,) over a plain telephone line: 300 to 3 400 Hz, 8 kHz and back."""
    narrow = _fitted(_resampled(_resampled(samples, SAMPLE_RATE_HZ, 8_000), 8_000, SAMPLE_RATE_HZ), len(samples))
    return _as_loud(_filtered(narrow, lambda hz: _passed(hz, 300.0, 3_400.0)), samples)


def mu_law(samples: Samples) -> Samples:
    """Return ``samples`` (N,) at 8 kHz in 8 bits of mu-law (the continuous form of ITU-T G.711), clipped to full scale.

    A quiet clip gets few of the 256 levels.
    """
    narrow = np.clip(_resampled(samples, SAMPLE_RATE_HZ, 8_000), -1.0, 1.0)
    pressed = np.round(127 * np.log1p(255 * np.abs(narrow)) / np.log(256)) / 127
    stretched = np.copysign((256**pressed - 1) / 255, narrow).astype(np.float32)
    return _as_loud(_fitted(_resampled(stretched, 8_000, SAMPLE_RATE_HZ), len(samples)), samples)


def limit_band(samples: Samples, highest_hz: float) -> Samples:
    """Return ``samples`` (N,) without what lies above ``highest_hz``: an old recording, a hand over the microphone."""
    return _as_loud(_filtered(samples, lambda hz: _passed(hz, 0.0, highest_hz)), samples)


def through_microphone(samples: Samples, deviation_db: float, generator: Generator) -> Samples:
    """Return ``samples`` (N,) with another microphone's colour.

    Args:
        samples: the speech.
        deviation_db: standard deviation of the gain at each octave from 62.5 Hz to 8 kHz; smooth in between. Cheap
            microphones and the distance to the mouth come to 3 to 6 dB.
        generator: of the gains.
    """
    gains_db = generator.normal(0.0, deviation_db, 8)
    octaves = np.arange(8)

    def response(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(10 ** (np.interp(np.log2(np.maximum(hz, 1.0) / 62.5), octaves, gains_db) / 20))

    return _as_loud(_filtered(samples, response), samples)


def clip_peaks(samples: Samples, share: float) -> Samples:
    """Return ``samples`` (N,) cut off at a ``share`` (0 to 1) of their peak, as an overdriven input does."""
    limit = share * float(np.abs(samples).max(initial=0.0))
    return np.clip(samples, -limit, limit)


def change_gain(samples: Samples, gain_db: float) -> Samples:
    """Return ``samples`` (N,) louder by ``gain_db``, beyond full scale if need be."""
    return (samples * np.float32(10 ** (gain_db / 20))).astype(np.float32)


def change_rate(samples: Samples, factor: float) -> Samples:
    """Return ``samples`` played ``factor`` times as fast, (N / factor,): speaking rate and pitch change together."""
    count = max(1, round(len(samples) / factor))
    return _fitted(_resampled(samples, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ), count)


def perturb(samples: Samples, generator: Generator) -> Samples:
    """Return a random way of ``samples`` (N,) through the world, (about N / 0.9 to N / 1.1,), as loud as before.

    In the order of nature: who speaks (rate and pitch), the room, other sound, the microphone, its level and overload,
    the line. Each is met about every other time; ranges go from hardly audible to hard to follow.
    """
    heard = samples
    if generator.random() < 0.5:
        heard = change_rate(heard, generator.uniform(0.9, 1.1))
    if generator.random() < 0.5:
        response = room_response(generator.uniform(0.15, 1.0), generator.uniform(-6.0, 12.0), generator)
        heard = reverberate(heard, response)
    if generator.random() < 0.6:
        kind = str(generator.choice(list(NOISES)))
        heard = add_noise(heard, NOISES[kind](len(heard), generator), generator.uniform(0.0, 30.0))
    if generator.random() < 0.5:
        heard = through_microphone(heard, generator.uniform(1.0, 6.0), generator)
    peak = max(float(np.abs(heard).max(initial=0.0)), 1e-9)
    heard = change_gain(heard, generator.uniform(-30.0, 0.0) - 20 * np.log10(peak))
    if generator.random() < 0.15:
        heard = clip_peaks(heard, generator.uniform(0.1, 0.7))
    if generator.random() < 0.5:
        heard = _through_some_line(heard, generator)
    return _as_loud(heard, samples)


def _through_some_line(samples: Samples, generator: Generator) -> Samples:
    line = generator.integers(5)
    if line == 0:
        return telephone_band(samples)
    if line == 1:
        return mu_law(samples)
    if line == 2:
        return limit_band(samples, generator.uniform(2_500.0, 7_000.0))
    if line == 3:
        return through_codec(samples, "mp3", int(generator.choice([16_000, 24_000, 32_000])))
    return through_codec(samples, "opus", int(generator.integers(6_000, 16_001)))


def _level(samples: Samples) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _as_loud(changed: NDArray[Any], reference: Samples) -> Samples:
    factor = min(_level(reference) / max(_level(changed), 1e-12), LARGEST_CORRECTION)
    return (changed * factor).astype(np.float32)


def _fitted(samples: Samples, count: int) -> Samples:
    """Return exactly ``count`` samples: cut, or zeros at the end."""
    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def _resampled(samples: Samples, from_hz: float, to_hz: float) -> Samples:
    return np.asarray(soxr.resample(samples, from_hz, to_hz, quality="MQ"), np.float32)


def _filtered(samples: Samples, response: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Samples:
    """Return ``samples`` (N,) through a zero-phase filter: ``response`` gives the amplitude at frequencies in Hz."""
    size = fft.next_fast_len(len(samples) + FILTER_TAIL_SAMPLES, real=True)
    spectrum = fft.rfft(samples, size) * response(fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)).astype(np.float32)
    return np.asarray(fft.irfft(spectrum, size)[: len(samples)], np.float32)


def _passed(hz: NDArray[np.float64], lowest_hz: float, highest_hz: float) -> NDArray[np.float64]:
    """Return the amplitude of a Butterworth band-pass of order 8 at ``hz``."""
    amplitude = 1.0 / np.sqrt(1.0 + (hz / highest_hz) ** 16)
    if lowest_hz > 0:
        amplitude = amplitude / np.sqrt(1.0 + (lowest_hz / np.maximum(hz, 1e-3)) ** 16)
    return np.asarray(amplitude)
