"""Memory that was used once is kept for the next array, where the system's own habit is to give it back each time."""

import ctypes
import sys

# Parameters of mallopt(3) in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_BYTES = 32 * 2**20  # of an array; the most that glibc allows
KEPT_BYTES = 128 * 2**20


def keep_freed_memory() -> None:
    """Have this process keep what it frees, up to `KEPT_BYTES`; for processes that are emobridge's own.

    Giving every large array back to the system, to ask for it again, takes a fifth of the time of a brief recording. Of
    C libraries other than glibc nothing is asked.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        set_option(_TRIM_THRESHOLD, KEPT_BYTES)
