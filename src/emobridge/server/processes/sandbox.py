"""What a child process of the service does before all else: give up rights, and speak through channels of its own."""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

from emobridge.server.processes.messages import packed
from emobridge.utils.memory import keep_freed_memory

_DEATH_SIGNAL, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38  # of prctl


class Channel:
    """Both ways to the parent: where messages come from, and where they go. Whatever else is printed goes nowhere."""

    def __init__(self) -> None:
        self.incoming: BinaryIO = os.fdopen(os.dup(0), "rb", buffering=2**20)
        self._outgoing = os.dup(1)
        self._sending = threading.Lock()
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)

    def send(self, head: Mapping[str, Any], raw: bytes = b"") -> None:
        """Send a message, from any thread; where nobody listens any more, the process ends."""
        left = memoryview(packed(head, raw))
        with self._sending:
            while left:
                try:
                    left = left[os.write(self._outgoing, left) :]
                except BrokenPipeError:
                    os._exit(0)


def confine(parent: int, limits: Mapping[int, int]) -> None:
    """Take away what this process does not need, for good, and have it keep the memory that it frees.

    It ends with its parent, however that ends; it gets no rights that it has not, and leaves no memory on disk. Signals
    to end are its parent's to handle, which closes the channel.

    Args:
        parent: process id of the parent.
        limits: limit of the module `resource` -> its value.
    """
    keep_freed_memory()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    for limit, value in {resource.RLIMIT_CORE: 0, **limits}.items():
        hard = resource.getrlimit(limit)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (least, least))
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        library.prctl(_DUMPABLE, 0, 0, 0, 0)
        library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be watched
        os._exit(0)
