"""A recording and its transcript to a time line: python examples/predict_recording.py [RECORDING [TRANSCRIPT]]."""

import sys
from pathlib import Path

import emobridge

recording = Path(sys.argv[1]) if len(sys.argv) > 1 else emobridge.sample()
transcript = Path(sys.argv[2]) if len(sys.argv) > 2 else None
result = emobridge.load().predict(recording, transcript)

for segment in result.segments:
    values = "  ".join(f"{name} {value:.2f}" for name, value in segment.dimensions.items())
    print(f"{segment.start_s:6.1f}-{segment.end_s:5.1f} s  {segment.category or 'nothing heard':<12} {values}")
