"""A process that keeps what it frees is given no new pages for arrays that it makes again and again."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from emobridge.utils.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(2**21)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**21)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is asked of the C library")
def test_kept_memory_costs_no_page_faults() -> None:
    # Who runs the tests may have told the C library already.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}

    def faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how], env=plain, capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults("keep") < faults("leave") / 10
