"""A folder of 200 recordings, 20 of them bad in 20 ways: judged in one go, and killed three times and resumed.

    python -m benchmarks.speed.folder [--model DIRECTORY] [--seed N] [--out PAGE]

Asserts that both leave the same files to the byte, that every good recording has a result and every bad one its
reason, and that no result was made twice; then writes what the reasons are.
"""

import argparse
import csv
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

import emobridge
from emobridge.audio.load import load_audio

RATE_HZ = 16_000
GOOD = 180
KILLS = 3
FORMATS = "json,srt,eaf"
EXTENSIONS = ("wav", "flac", "ogg", "aiff", "mp3")
RATES_HZ = (8_000, 16_000, 44_100)
Sound = NDArray[np.float32]


def wav(data_bytes: int, content: bytes = b"", *, coding: int = 1, channels: int = 1, rate_hz: int = RATE_HZ) -> bytes:
    """Return a 16-bit file whose header declares ``data_bytes`` of samples."""
    layout = struct.pack("<IHHIIHH", 16, coding, channels, rate_hz, rate_hz * 2, 2, 16)
    sizes = struct.pack("<I", 36 + data_bytes), struct.pack("<I", data_bytes)
    return b"RIFF" + sizes[0] + b"WAVEfmt " + layout + b"data" + sizes[1] + content


def _torn(path: Path, sound: Sound) -> None:
    soundfile.write(path, sound, RATE_HZ)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def _with_a_hole(value: float) -> Callable[[Path, Sound], None]:
    def make(path: Path, sound: Sound) -> None:
        soundfile.write(path, np.where(np.arange(len(sound)) == 4000, value, sound), RATE_HZ, subtype="FLOAT")

    return make


def _beside(folder: str, extension: str, content: bytes) -> Callable[[Path, Sound], None]:
    """Return what makes a good recording whose transcript or turns, in a folder of their own, are bad."""

    def make(path: Path, sound: Sound) -> None:
        soundfile.write(path, sound, RATE_HZ)
        (path.parents[1] / folder / f"{path.stem}{extension}").write_bytes(content)

    return make


def _bytes(make: Callable[[bytes], bytes]) -> Callable[[Path, Sound], None]:
    return lambda path, sound: (path.write_bytes(make((sound * 20_000).astype("<i2").tobytes())), None)[1]


# name -> (how it is made, what its reason says)
BAD: dict[str, tuple[Callable[[Path, Sound], None], str]] = {
    "coding.wav": (_bytes(lambda content: wav(len(content), content, coding=0x9999)), "cannot be decoded"),
    "cut.wav": (_bytes(lambda content: wav(len(content), content[: len(content) // 4])), "cut short after 0.5 s"),
    "empty.wav": (lambda path, _: path.touch(), "is empty"),
    "fast.wav": (_bytes(lambda content: wav(len(content), content, rate_hz=384_000)), "384000 Hz"),
    "folder.wav": (lambda path, _: path.mkdir(), "is a folder"),
    "gone.wav": (lambda path, _: path.symlink_to("nowhere.wav"), "a link to a file that is not there"),
    "header.wav": (_bytes(lambda _: wav(0)), "holds no samples"),
    "huge.wav": (_bytes(lambda content: wav(2**30, content)), "33554.4 s that its header promises"),
    "infinite.wav": (_with_a_hole(np.inf), "is not a number"),
    "loop.wav": (lambda path, _: path.symlink_to(path.name), "symbolic links"),
    "nan.wav": (_with_a_hole(np.nan), "is not a number"),
    "pipe.wav": (lambda path, _: os.mkfifo(path), "is no regular file"),
    "slow.wav": (_bytes(lambda content: wav(len(content), content, rate_hz=1_000)), "1000 Hz"),
    "text.wav": (lambda path, _: (path.write_text("no sound at all\n" * 99), None)[1], "cannot be decoded"),
    "torn.flac": (_torn, "cut short"),
    "torn.ogg": (_torn, "Ogg page"),
    "turns.wav": (_beside("turns", ".rttm", b"SPEAKER turns 1 soon later\n"), "turns.rttm"),
    "words_cp.wav": (_beside("words", ".txt", "schön".encode("cp1252")), "not in UTF-8"),
    "words_nul.wav": (_beside("words", ".txt", b"a\0b"), "NUL"),
    "zeros.mp3": (lambda path, _: (path.write_bytes(bytes(5000)), None)[1], "cannot be decoded"),
}


def make_recordings(root: Path, good: int = GOOD) -> None:
    """Fill ``root`` with the folders recordings, words and turns."""
    speech = load_audio(emobridge.sample(), sample_rate_hz=RATE_HZ)
    for name in ("recordings/sub folder", "words/sub folder", "turns"):
        (root / name).mkdir(parents=True)
    for index in range(good):
        rate_hz, extension = RATES_HZ[index % 3], EXTENSIONS[index % 5]
        start = index * 1777 % (len(speech) // 2)
        sound = speech[start : start + RATE_HZ * (1 + index % 5)]
        sound = np.stack([sound, -0.5 * sound], axis=1) if index % 4 == 0 else sound
        place = Path("sub folder" if index % 3 else "", f"ü {index:03}.{extension}")
        soundfile.write(root / "recordings" / place, sound, rate_hz)
        if index % 2:
            words = (root / "words" / place).with_suffix(".txt")
            words.write_text(f"I am so happy about number {index}.", encoding="utf-8")
    for name, (make, _) in BAD.items():
        make(root / "recordings" / name, speech[: 2 * RATE_HZ])


def start(root: Path, out: Path, jobs: int, model: Path | None) -> subprocess.Popen[bytes]:
    """Start a run over the recordings in ``root``."""
    command = [sys.executable, "-c", "from emobridge.cli import main; main()", "predict", "recordings"]
    command += ["--transcript", "words", "--speakers", "turns", "--format", FORMATS]
    command += ["--out", str(out), "--jobs", str(jobs), *(["--model", str(model)] if model else [])]
    return subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)


def killed_and_resumed(root: Path, out: Path, good: int, chance: random.Random, model: Path | None) -> list[int]:
    """Kill a run `KILLS` times at random moments and let it end; return how many results it had each time."""
    had = [0]
    for jobs in range(1, KILLS + 1):
        enough = had[-1] + chance.randint(1, good // (KILLS + 1))
        with start(root, out, jobs, model) as run:
            while results_in(out) < enough:
                assert run.poll() is None
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.2))
            run.send_signal(signal.SIGKILL)
        had.append(results_in(out))
    with start(root, out, 2, model) as run:
        assert run.wait() == 1
    return had[1:]


def results_in(out: Path) -> int:
    """Return how many results a run's journal holds."""
    return sum("result" in line for line in journal_of(out))


def journal_of(out: Path) -> list[dict[str, object]]:
    """Return the whole lines of a run's journal."""
    content = (out / "journal.jsonl").read_bytes() if (out / "journal.jsonl").exists() else b""
    return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def files_of(out: Path) -> dict[str, bytes]:
    """Return what a run left, but its journal, whose lines are in the order in which the recordings ended."""
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "journal.jsonl"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def page(reasons: dict[str, str], good: int, had: list[int]) -> str:
    """Return what was found, in Markdown."""
    kills = f"{', '.join(map(str, had[:-1]))} and {had[-1]}"
    told = f"""# A folder that is killed and resumed

Made by `python -m benchmarks.speed.folder`: {good} recordings that can be read and {len(reasons)} that cannot. Killed
(SIGKILL) with {kills} results there, running 1, 2 and 3 processes, and resumed each time: all files, `predictions.csv`
and `failed.csv` among them, equal to the byte those of a run in one go, and no result was made twice. What failed was
tried again each time, for the reason may lie outside a file.

| file | reason in `failed.csv` |
| --- | --- |
"""
    return told + "".join(f"| `{Path(name).name}` | {reason} |\n" for name, reason in reasons.items())


def main() -> None:
    """Make the folder, run, kill, resume, compare, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--good", type=int, default=GOOD)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/folder.md"))
    given = parser.parse_args()
    model = given.model.resolve() if given.model else None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_recordings(root, given.good)
        with start(root, root / "whole", 2, model) as run:
            assert run.wait() == 1
        had = killed_and_resumed(root, root / "resumed", given.good, random.Random(given.seed), model)
        assert files_of(root / "resumed") == files_of(root / "whole"), "the files differ"
        results = [line["place"] for line in journal_of(root / "resumed") if "result" in line]
        assert len(results) == len(set(results)) == given.good, "judged twice, or not at all"
        with (root / "whole" / "failed.csv").open(encoding="utf-8", newline="") as file:
            reasons = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert list(reasons) == [f"recordings/{name}" for name in BAD], reasons
    for (_, told), reason in zip(BAD.values(), reasons.values(), strict=True):
        assert told in reason, reason
    given.out.write_text(page(reasons, given.good, had), encoding="utf-8")


if __name__ == "__main__":
    main()
