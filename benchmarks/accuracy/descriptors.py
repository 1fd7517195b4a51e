"""The classical description of a recording: the 88 functionals of eGeMAPS, computed by openSMILE.

openSMILE's licence allows research and no commercial use. It is therefore a peer to compare with, in the extra
`[benchmark]`, and emobridge itself never uses it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import load_audio
from emobridge.training.data.examples import Examples
from emobridge.training.fit.trainer import Progress, no_progress
from emobridge.utils.cache import ArrayCache
from emobridge.utils.extras import load_extra

EXTRA = "benchmark"
FEATURE_SET = "eGeMAPSv02"
SAMPLE_RATE_HZ = 16_000
Describe = Callable[[Path], NDArray[np.float32]]


def egemaps() -> Describe:
    """Return the function from a sound file to its functionals (88,), at openSMILE's own scales.

    Raises:
        MissingExtraError: opensmile is not installed.
    """
    opensmile: Any = load_extra("opensmile", EXTRA)
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[FEATURE_SET], feature_level=opensmile.FeatureLevel.Functionals
    )

    def describe(path: Path) -> NDArray[np.float32]:
        samples = load_audio(path, sample_rate_hz=SAMPLE_RATE_HZ)
        functionals: NDArray[np.float32] = smile.process_signal(samples, SAMPLE_RATE_HZ).to_numpy(np.float32)[0]
        return functionals

    return describe


def described(
    examples: Examples, rows: Sequence[int], folder: Path, progress: Progress = no_progress
) -> NDArray[np.float32]:
    """Return the functionals (N, 88) of recordings; what ``folder`` does not hold yet is computed and kept there.

    Args:
        examples: whose sound was read.
        rows: which of them.
        folder: of the cache; arrays are keyed by the bytes of the sound file.
        progress: called with recordings done and in all.
    """
    cache = ArrayCache(folder / FEATURE_SET, np.float32)
    describe: Describe | None = None
    found = []
    for done, row in enumerate(rows, start=1):
        key, path = examples.frame_keys[row], examples.utterances[row].audio
        assert key is not None, "only what was heard is described"
        assert path is not None
        if key not in cache:
            describe = describe or egemaps()
            cache.add(key, describe(path))
        found.append(cache[key])
        progress(done, len(rows))
    return np.array(found, np.float32)
