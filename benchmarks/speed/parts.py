"""Where the time of the default model goes, part by part, on the packaged sample with its transcript.

python -m benchmarks.speed.parts THREADS ROUNDS
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import emobridge
from benchmarks.speed.peaks import stay_on
from benchmarks.speed.rounds import in_turn
from emobridge.audio.load import load_audio
from emobridge.inference.predictor import Predictor
from emobridge.segmentation.quality import window_flags
from emobridge.segmentation.speech_detector import SAMPLE_RATE_HZ, SpeechDetector
from emobridge.segmentation.utterances import utterances
from emobridge.utils.memory import keep_freed_memory

WHOLE, HEARD = "file and transcript to result", "file to result"
DECODE, DETECT, FRONT_END, ACOUSTIC, LINGUISTIC, FUSION = (
    "decoding",
    "speech detection",
    "front end",
    "front end and acoustic encoder",
    "linguistic encoder",
    "fusion",
)


def tasks(predictor: Predictor, recording: Path, transcript: Path) -> tuple[float, dict[str, Callable[[], object]]]:
    """Return the seconds of sound, and what each part does with them, one utterance after the other."""
    samples = load_audio(recording, sample_rate_hz=SAMPLE_RATE_HZ)
    detector = SpeechDetector()
    stretches = utterances(detector.track([samples]))
    sounds = [samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] for start_s, end_s in stretches]
    words = transcript.read_text(encoding="utf-8").split()
    texts = [" ".join(part) for part in np.array_split(np.array(words), len(sounds))]
    runtime = predictor.runtime
    assert runtime.acoustic is not None
    assert runtime.linguistic is not None
    acoustic, linguistic = runtime.acoustic, runtime.linguistic
    settings: Any = acoustic
    heard = [acoustic.encode(sound) for sound in sounds]
    read = [linguistic.encode(text) for text in texts]

    def detect() -> None:
        detector.track([samples])
        for sound in sounds:
            window_flags(sound, SAMPLE_RATE_HZ, detector)

    return len(samples) / SAMPLE_RATE_HZ, {
        WHOLE: lambda: predictor.predict(recording, transcript),
        HEARD: lambda: predictor.predict(recording),
        DECODE: lambda: load_audio(recording, sample_rate_hz=SAMPLE_RATE_HZ),
        DETECT: detect,
        FRONT_END: lambda: [settings.settings.frames(sound) for sound in sounds],
        ACOUSTIC: lambda: [acoustic.encode(sound) for sound in sounds],
        LINGUISTIC: lambda: [linguistic.encode(text) for text in texts],
        FUSION: lambda: [runtime.estimate(*pair) for pair in zip(heard, read, strict=True)],
    }


def measure(threads: int, rounds: int) -> dict[str, Any]:
    """Return the seconds of sound and the seconds that each part took in each round."""
    sample = emobridge.sample()
    duration_s, work = tasks(emobridge.load(threads=threads), sample, sample.with_suffix(".txt"))
    return {"duration_s": duration_s, "seconds": in_turn(work, rounds)}


if __name__ == "__main__":
    stay_on(int(sys.argv[1]))
    keep_freed_memory()
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
