"""Counts what the workers do, and tells Prometheus when it asks. The names stand in ``telemetry.py``.

One ``Telemetry`` per process, handed to whoever measures. It is told of batches, not of records: what it costs is a
few dictionary entries per batch. What can be read off when Prometheus asks (ages, lag) is read off then.
"""

import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from pipeline import telemetry as names
from pipeline.telemetry import METRICS, Kind, Metric

MOST_RULES: Final = 100
"""Rules with a time series of their own: the rule of a rejection stands in a record, which anybody may have written."""

OTHER: Final = "other"

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Sample = tuple[Metric, tuple[str, ...], float]
Reader = Callable[[], Iterator[Sample]]


class Telemetry(Collector):
    """Counters and histograms that are told, and gauges that are asked. Safe to use from several threads."""

    def __init__(self, registry: CollectorRegistry | None = None, clock: Callable[[], float] = time.time) -> None:
        self.registry: Final = registry or CollectorRegistry()
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._histograms: dict[tuple[Metric, tuple[str, ...]], _Histogram] = {}
        self._rules: set[tuple[str, str]] = set()
        self._readers: list[Reader] = []
        self._snapshot_at: float | None = None
        self._oldest: Mapping[str, float | None] = {}
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self.set(names.BUILD_INFO, 1, **_versions())

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """A counter grows. With 0 it appears, which a rate needs to see its first step."""
        key = (metric, _label_values(metric, labels))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + amount

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """A gauge stands there now."""
        key = (metric, _label_values(metric, labels))
        with self._lock:
            self._values[key] = value

    def observe(self, metric: Metric, values: float | Sequence[float], **labels: str) -> None:
        """A histogram sees a value, or all values of a batch at once."""
        key = (metric, _label_values(metric, labels))
        with self._lock:
            found = self._histograms.get(key)
            if found is None:
                found = self._histograms[key] = _Histogram(metric.buckets)
            found.observe(values)

    def rejected(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Rejections landed, by stage and rule."""
        for (stage, rule), count in counts.items():
            if (stage, rule) not in self._rules and len(self._rules) < MOST_RULES:
                self._rules.add((stage, rule))
            known = (stage, rule) in self._rules
            self.add(names.REJECTIONS, count, stage=stage, rule=rule if known else OTHER)

    def snapshot_taken(self, seconds: float, size: int) -> None:
        """A snapshot is there."""
        self._snapshot_at = self._clock()
        self.set(names.SNAPSHOT_SECONDS, seconds)
        self.set(names.SNAPSHOT_BYTES, size)

    def alerts_wait(self, receivers: Sequence[str], waiting: Mapping[str, tuple[int, datetime]]) -> None:
        """By receiver, how many alerts wait and since when the oldest does."""
        oldest: dict[str, float | None] = dict.fromkeys(receivers)
        oldest |= {receiver: since.timestamp() for receiver, (_, since) in waiting.items()}
        for receiver in oldest:
            self.set(names.ALERTS_WAITING, waiting[receiver][0] if receiver in waiting else 0, receiver=receiver)
        self._oldest = oldest

    def ask(self, reader: Reader) -> None:
        """Whenever Prometheus asks, ask this for samples."""
        self._readers.append(reader)

    def value(self, metric: Metric, **labels: str) -> float:
        """Where a counter or a gauge that is told stands; 0 where nobody told anything."""
        with self._lock:
            return self._values.get((metric, _label_values(metric, labels)), 0)

    def collect(self) -> Iterator[Family]:
        """What Prometheus reads, in the order of the list; metrics that nobody has told of are left out."""
        with self._lock:
            samples = [(metric, labels, value) for (metric, labels), value in self._values.items()]
            histograms = [(metric, labels, *found.read()) for (metric, labels), found in self._histograms.items()]
        samples += [sample for reader in (self._ages, *self._readers) for sample in reader()]
        for metric in METRICS:
            if metric.kind is Kind.HISTOGRAM:
                family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                for found, labels, buckets, total in histograms:
                    if found is metric:
                        family.add_metric(labels, buckets, total)
            else:
                family = _FAMILIES[metric.kind](metric.name, metric.help, labels=metric.labels)
                for found, labels, value in samples:
                    if found is metric:
                        family.add_metric(labels, value)
            if family.samples:
                yield family

    def _ages(self) -> Iterator[Sample]:
        now = self._clock()
        if self._snapshot_at is not None:
            yield names.SNAPSHOT_AGE, (), max(0.0, now - self._snapshot_at)
        for receiver, oldest in self._oldest.items():
            yield names.ALERT_AGE, (receiver,), 0.0 if oldest is None else max(0.0, now - oldest)


_FAMILIES: Final = {Kind.COUNTER: CounterMetricFamily, Kind.GAUGE: GaugeMetricFamily}


class _Histogram:
    """Counts per bucket. prometheus_client's own takes one value at a time: 5,000 calls for a batch."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.asarray(bounds)
        self._counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, values: float | Sequence[float]) -> None:
        seen = np.atleast_1d(np.asarray(values, dtype=np.float64))
        places = np.searchsorted(self._bounds, seen, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(seen.sum())

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """Prometheus' cumulative buckets, and the sum."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(bounds, np.cumsum(self._counts).astype(float).tolist(), strict=True)), self._sum


def _label_values(metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
    if labels.keys() != set(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}")
    return tuple(labels[name] for name in metric.labels)


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    packages = ("version", "dualtrack"), ("faust", "faust-streaming"), ("duckdb", "duckdb")
    for label, package in (*packages, ("great_expectations", "great-expectations")):
        try:
            found[label] = version(package)
        except PackageNotFoundError:
            found[label] = "unknown"
    return found
