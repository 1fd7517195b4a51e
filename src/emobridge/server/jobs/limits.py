"""What one client may take: requests a minute, jobs and streams at a time."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emobridge.server.problems import Problem

ROUNDING = 1e-9  # of sums of times: who has waited as long as was told has waited long enough
CLIENTS = 10_000  # that are remembered; the one that was not seen for longest is forgotten


class RequestRate:
    """A bucket of requests for each client, which fills as time goes by.

    Args:
        per_minute: how many requests a client has in a minute, and at once.
        clock: seconds, from any start.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> (requests left, when)

    def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            Problem: it has had all that a minute has.
        """
        now_s = self._clock()
        left, since_s = self._buckets.get(client, (float(self._per_minute), now_s))
        left = min(float(self._per_minute), left + (now_s - since_s) * self._per_minute / 60.0)
        if left < 1.0 - ROUNDING:
            wait_s = (1.0 - left) * 60.0 / self._per_minute
            valid = f"a client has {self._per_minute} requests a minute"
            raise Problem("too-many-requests", "too many requests", valid, "wait", retry_after_s=wait_s)
        self._buckets[client] = (left - 1.0, now_s)
        self._buckets.move_to_end(client)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)


class Streams:
    """Streams that are open: live sound, and events of jobs.

    Args:
        most_live: live streams of all clients.
        most_per_client: streams of one client, of either kind.
    """

    def __init__(self, most_live: int, most_per_client: int) -> None:
        self._most_live = most_live
        self._most_per_client = most_per_client
        self._of_client: Counter[str] = Counter()
        self.live = 0

    @contextmanager
    def held(self, client: str, is_live: bool) -> Iterator[None]:
        """Hold a stream for a client, as long as the context lasts.

        Raises:
            Problem: it has as many as it may, or all clients together have.
        """
        if self._of_client[client] >= self._most_per_client:
            valid = f"a client has at most {self._most_per_client}"
            raise Problem("too-many-sockets", "one stream too many", valid, "close one", retry_after_s=5.0)
        if is_live and self.live >= self._most_live:
            valid = f"the service has {self._most_live} live streams at a time"
            raise Problem("queue-full", "one live stream too many", valid, "wait", retry_after_s=10.0)
        self._of_client[client] += 1
        self.live += is_live
        try:
            yield
        finally:
            self.live -= is_live
            self._of_client[client] -= 1
            if not self._of_client[client]:
                del self._of_client[client]
