"""A conversation made from clips, with every turn known: what recording.py and speakers.py listen to.

Clips follow each other with pauses, now and then a long one, and sometimes two speak at once; each speaker's side
has room noise of its own and hears the others faintly. Everything is decided by a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from emobridge.audio.load import load_audio
from emobridge.labels import label_map
from emobridge.training.corpora import read_corpus
from emobridge.utils.extras import load_extra

RATE_HZ = 16_000
TELEPHONE_HZ = 8_000
NOISE_DB = -35.0  # of each side's room, below its speech
CROSSTALK_DB = -30.0  # of a side in the other's microphone
PAUSE_S, LONG_PAUSE_S, OVERLAP_S = (0.2, 1.2), (3.0, 8.0), (0.2, 0.8)
LONG_SHARE, OVERLAP_SHARE = 0.08, 0.08  # of the pauses
SAME_SPEAKER_SHARE = 0.3  # of the turns go on after the one before

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One utterance in a conversation.

    Attributes:
        start_s, end_s: where it lies.
        speaker: whose it is.
        category: what its corpus says is felt, in emobridge's words.
        text: what is said.
        samples: (N,) as its corpus has it, at 16 kHz.
    """

    start_s: float
    end_s: float
    speaker: str
    category: str
    text: str
    samples: Samples


@dataclass(frozen=True)
class Conversation:
    """Clips by start, and the sides (N, speakers): what each speaker's microphone hears, at 16 kHz."""

    clips: tuple[Clip, ...]
    sides: Samples

    @property
    def mono(self) -> Samples:
        """All sides in one microphone, (N,)."""
        return self.sides.mean(axis=1, dtype=np.float64).astype(np.float32)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.sides) / RATE_HZ


def converse(data: Path | None, corpus: str, speakers: Sequence[str], seconds: float, seed: int = 0) -> Conversation:
    """Return a conversation of ``speakers`` of a corpus, at least ``seconds`` long; clips come again when all were.

    Args:
        data: folder of the corpora; None: EMOBRIDGE_DATA.
        corpus: one with sound.
        speakers: two of its speakers, or more.
        seconds: how long to talk.
        seed: the same seed makes the same conversation.
    """
    rng = np.random.default_rng(seed)
    labels = label_map(corpus, "nine")
    known = [one for one in read_corpus(corpus, data).utterances if one.audio is not None and one.label is not None]
    by_speaker = {name: [one for one in known if one.speaker == name] for name in speakers}
    waiting: dict[str, list[int]] = {name: [] for name in speakers}
    clips: list[Clip] = []
    time_s, place = 0.5, 0
    while time_s < seconds:
        name = speakers[place]
        waiting[name] = waiting[name] or list(rng.permutation(len(by_speaker[name])))
        one = by_speaker[name][waiting[name].pop()]
        category = labels.translate(one.label or "")
        if category is None or one.audio is None:
            continue
        samples = load_audio(one.audio, sample_rate_hz=RATE_HZ)
        start = round(time_s * RATE_HZ)
        end_s = (start + len(samples)) / RATE_HZ
        clips.append(Clip(start / RATE_HZ, end_s, name, category, one.text or "", samples))
        goes_on = rng.random() < SAME_SPEAKER_SHARE
        time_s = end_s + _pause_s(rng, goes_on)
        place = place if goes_on else (place + int(rng.integers(1, len(speakers)))) % len(speakers)
    return Conversation(tuple(clips), _sides(clips, speakers, rng))


def _pause_s(rng: Generator, goes_on: bool) -> float:
    """Return the pause after a clip; nobody speaks at once with himself."""
    kind = rng.random()
    if kind < LONG_SHARE:
        return float(rng.uniform(*LONG_PAUSE_S))
    if kind < LONG_SHARE + OVERLAP_SHARE and not goes_on:
        return -float(rng.uniform(*OVERLAP_S))
    return float(rng.uniform(*PAUSE_S))


def _sides(clips: Sequence[Clip], speakers: Sequence[str], rng: Generator) -> Samples:
    """Return what each side's microphone hears, (N, speakers)."""
    longest_s = max(clip.end_s for clip in clips) + 0.5
    own = np.zeros((round(longest_s * RATE_HZ), len(speakers)), np.float32)
    for clip in clips:
        start = round(clip.start_s * RATE_HZ)
        own[start : start + len(clip.samples), speakers.index(clip.speaker)] += clip.samples
    speech = np.concatenate([clip.samples for clip in clips])
    level = float(np.sqrt(np.mean(np.square(speech, dtype=np.float64)))) * 10 ** (NOISE_DB / 20)
    faintly = np.float32(10 ** (CROSSTALK_DB / 20))
    heard = own + faintly * (own.sum(axis=1, keepdims=True) - own)
    for side in range(len(speakers)):
        heard[:, side] += np.float32(level) * _room(len(heard), rng)
    return heard


def _room(samples: int, rng: Generator) -> Samples:
    """Return room noise (N,) of level 1, fainter towards high frequencies; made in pieces, to spare memory."""
    pieces = []
    for start in range(0, samples, 60 * RATE_HZ):
        spectrum = np.fft.rfft(rng.standard_normal(min(60 * RATE_HZ, samples - start)))
        noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 100.0), min(60 * RATE_HZ, samples - start))
        pieces.append((noise / noise.std()).astype(np.float32))
    return np.concatenate(pieces)


def write_recordings(conversation: Conversation, folder: Path) -> dict[str, Path]:
    """Write the conversation in the formats that people have, and its turns; return name -> file."""
    mono = conversation.mono
    telephone = soxr.resample(mono, RATE_HZ, TELEPHONE_HZ)
    soundfile.write(folder / "mono.wav", mono, RATE_HZ, subtype="PCM_16")
    soundfile.write(folder / "stereo.wav", conversation.sides, RATE_HZ, subtype="PCM_16")
    soundfile.write(folder / "mono.mp3", mono, RATE_HZ, format="MP3")
    soundfile.write(folder / "mono.opus", mono, RATE_HZ, format="OGG", subtype="OPUS")
    soundfile.write(folder / "telephone.wav", telephone, TELEPHONE_HZ, subtype="ULAW")
    _write_m4a(folder / "mono.m4a", mono)
    lines = [
        f"SPEAKER mono 1 {clip.start_s:.6f} {clip.end_s - clip.start_s:.6f} <NA> <NA> {clip.speaker} <NA> <NA>\n"
        for clip in conversation.clips
    ]
    (folder / "turns.rttm").write_text("".join(lines), encoding="utf-8")
    names = ("mono.wav", "mono.mp3", "mono.m4a", "mono.opus", "telephone.wav", "stereo.wav")
    return {name: folder / name for name in names}


def _write_m4a(path: Path, samples: Samples) -> None:
    av = load_extra("av", "media")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono", bit_rate=64_000)
        for start in range(0, len(samples), RATE_HZ):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + RATE_HZ], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
