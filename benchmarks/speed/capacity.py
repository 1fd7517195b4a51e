"""What an archive takes on more workers than there are to measure: time, and what is used up first.

Design: every cost that was measured stands for itself, and the whole takes as long as the slowest of what happens at
once, after what must come before. Nothing else is known of a cluster, and each assumption is a field.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """What one machine showed.

    Attributes:
        worker_s: seconds of one worker for an hour of sound, all included: reading, digest, judging, writing.
        start_s: from the command to the first recording.
        part_s: seconds of the driver for a part, whatever is in it.
        find_s: seconds of the driver to find a recording.
        hour_bytes: size of an hour of sound.
    """

    worker_s: float
    start_s: float
    part_s: float
    find_s: float
    hour_bytes: float = 115.2e6


@dataclass(frozen=True)
class Cluster:
    """What is assumed of a cluster.

    Attributes:
        workers: processors, each as fast as the one that was measured.
        store_bytes_s: what the store gives to all together, in bytes a second.
        listing_per_s: names that the store lists in a second.
    """

    workers: int
    store_bytes_s: float = 10e9
    listing_per_s: float = 5_000.0


@dataclass(frozen=True)
class Estimate:
    """How long an archive takes.

    Attributes:
        seconds: in all.
        first: what is used up first: ``workers``, ``store`` or ``driver``.
        shares: of the three, how much of the time each is busy.
    """

    seconds: float
    first: str
    shares: dict[str, float]


def estimate(costs: Costs, cluster: Cluster, hours: float, recordings: int, parts: int) -> Estimate:
    """Return how long ``hours`` of sound in ``recordings`` take, kept in ``parts``.

    The last part to end is waited for by all workers, so a part is added to the workers' time.
    """
    busy_s = {
        "workers": hours * costs.worker_s / cluster.workers + hours * costs.worker_s / parts,
        "store": hours * costs.hour_bytes / cluster.store_bytes_s,
        "driver": parts * costs.part_s,
    }
    first = max(busy_s, key=lambda name: busy_s[name])
    before_s = costs.start_s + recordings * max(costs.find_s, 1.0 / cluster.listing_per_s)
    total_s = before_s + busy_s[first]
    return Estimate(total_s, first, {name: seconds / total_s for name, seconds in busy_s.items()})
