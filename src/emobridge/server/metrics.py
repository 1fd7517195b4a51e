"""What the service counts of itself, for Prometheus; nothing of what it hears."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
Reading = Callable[[], Iterable[Metric]]


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "emobridge_requests", "Requests by route and status", ["route", "method", "status"], registry=self.registry
        )
        self._latency_s = Histogram(
            "emobridge_request_seconds", "Time to answer", ["route"], buckets=LATENCY_S, registry=self.registry
        )
        self._jobs = Counter("emobridge_jobs_finished", "Jobs finished", ["state"], registry=self.registry)
        self._sound_s = Counter("emobridge_sound_seconds", "Sound judged", registry=self.registry)
        self._job_s = Histogram(
            "emobridge_job_seconds", "Time in hand of a job", buckets=LATENCY_S, registry=self.registry
        )
        # Finding a child by its labels costs more than counting does.
        self._by_answer: dict[tuple[str, str, int], Counter] = {}
        self._by_route: dict[str, Histogram] = {}

    def answered(self, route: str, method: str, status: int, taken_s: float) -> None:
        """Count a request."""
        key = (route, method, status)
        if key not in self._by_answer:
            self._by_answer[key] = self._requests.labels(route, method, str(status))
            self._by_route.setdefault(route, self._latency_s.labels(route))
        self._by_answer[key].inc()
        self._by_route[route].observe(taken_s)

    def finished(self, state: str, sound_s: float, taken_s: float) -> None:
        """Count a job that ended."""
        self._jobs.labels(state).inc()
        self._sound_s.inc(sound_s)
        self._job_s.observe(taken_s)

    def streamed(self, sound_s: float) -> None:
        """Count live sound."""
        self._sound_s.inc(sound_s)

    def watch(self, reading: Reading) -> None:
        """Have ``reading`` asked whenever the figures are."""
        self.registry.register(_Reader(reading))

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)


class _Reader(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        yield from self._reading()


def gauge(name: str, told: str, value: float) -> Metric:
    """Return a figure that goes up and down."""
    return GaugeMetricFamily(f"emobridge_{name}", told, value=value)


def gauges(name: str, told: str, label: str, values: dict[str, float]) -> Metric:
    """Return figures that go up and down, by a label."""
    family = GaugeMetricFamily(f"emobridge_{name}", told, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def total(name: str, told: str, label: str, values: dict[str, float]) -> Metric:
    """Return figures that only go up, by a label."""
    family = CounterMetricFamily(f"emobridge_{name}", told, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family
