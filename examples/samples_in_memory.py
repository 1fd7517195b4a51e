"""Samples that are already in memory, from any source that gives numpy arrays; one table of all of them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

import emobridge

model = emobridge.load(threads=1)
samples, rate_hz = soundfile.read(emobridge.sample(), dtype="float32")

with TemporaryDirectory() as folder:
    table = Path(folder) / "emotions.csv"
    model.predict((samples, rate_hz)).save(table)
    print(table.read_text(encoding="utf-8"))
