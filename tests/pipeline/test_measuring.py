"""Metrics as Prometheus reads them: exact counts, bounded label values, a measured price."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import telemetry as names
from pipeline.measuring import MOST_RULES, OTHER, Sample, Telemetry
from pipeline.telemetry import METRICS, OF_THE_PROCESS, Kind, Metric


def read(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Name and labels to value, through the text format."""
    text = generate_latest(telemetry.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_metric_of_the_module_is_in_the_list_with_a_name_by_the_rules() -> None:
    declared = [value for value in vars(names).values() if isinstance(value, Metric)]
    assert declared == list(METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("dualtrack_")
        assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.help.endswith(".")


def test_counters_gauges_and_histograms_are_read_as_told() -> None:
    telemetry = Telemetry()
    telemetry.add(names.RECORDS_IN, 3, station="validate", topic="signals.deal")
    telemetry.add(names.RECORDS_IN, 4, station="validate", topic="signals.deal")
    telemetry.add(names.REDELIVERED, 0)
    telemetry.set(names.SNAPSHOT_BYTES, 10)
    telemetry.set(names.SNAPSHOT_BYTES, 7)
    telemetry.observe(names.COMMIT_SECONDS, [0.005, 0.006, 0.2, 1000.0])
    telemetry.observe(names.COMMIT_SECONDS, 0.2)
    found = read(telemetry)
    assert found["dualtrack_records_in_total", (("station", "validate"), ("topic", "signals.deal"))] == 7
    assert found["dualtrack_redelivered_total", ()] == 0
    assert found["dualtrack_snapshot_bytes", ()] == 7
    buckets = {labels[0][1]: value for (name, labels), value in found.items() if name.endswith("commit_seconds_bucket")}
    assert [buckets[bound] for bound in ("0.005", "0.01", "0.1", "0.25", "60.0", "+Inf")] == [1, 2, 2, 4, 4, 5]
    assert found["dualtrack_commit_seconds_count", ()] == 5
    assert found["dualtrack_commit_seconds_sum", ()] == pytest.approx(1000.411)
    assert all(any(name == one for name, _ in found) for one in OF_THE_PROCESS)


def test_wrong_labels_are_a_bug() -> None:
    with pytest.raises(ValueError, match=r"dualtrack_records_in_total has the labels \('station', 'topic'\)"):
        Telemetry().add(names.RECORDS_IN, station="validate")


def test_strangers_cannot_make_time_series_without_end() -> None:
    telemetry = Telemetry()
    for number in range(10 * MOST_RULES):
        telemetry.rejected({("check", f"rule {number}"): 2})
    telemetry.rejected({("check", "rule 0"): 1})
    rules = {labels: value for (name, labels), value in read(telemetry).items() if name == "dualtrack_rejections_total"}
    assert len(rules) == MOST_RULES + 1
    assert rules[("rule", OTHER), ("stage", "check")] == 2 * 9 * MOST_RULES
    assert rules[("rule", "rule 0"), ("stage", "check")] == 3


def test_ages_grow_by_themselves_and_what_was_delivered_is_zero_again() -> None:
    now = 1000.0
    telemetry = Telemetry(clock=lambda: now)
    assert ("dualtrack_snapshot_age_seconds", ()) not in read(telemetry)
    telemetry.snapshot_taken(0.2, 5)
    telemetry.alerts_wait(("topic", "file"), {"file": (3, datetime.fromtimestamp(990, UTC))})
    now = 1007.0
    found = read(telemetry)
    assert found["dualtrack_snapshot_age_seconds", ()] == 7
    assert found["dualtrack_alert_age_seconds", (("receiver", "file"),)] == 17
    assert found["dualtrack_alert_age_seconds", (("receiver", "topic"),)] == 0
    assert found["dualtrack_alerts_waiting", (("receiver", "file"),)] == 3
    telemetry.alerts_wait(("topic", "file"), {})
    assert read(telemetry)["dualtrack_alert_age_seconds", (("receiver", "file"),)] == 0


def test_what_is_asked_disappears_when_it_is_gone() -> None:
    telemetry, lag = Telemetry(), {"0": 5.0, "1": 6.0}

    def reader() -> Iterator[Sample]:
        yield from ((names.LAG, ("settle", "raw", partition), count) for partition, count in lag.items())

    telemetry.ask(reader)
    assert sum(name == "dualtrack_lag_records" for name, _ in read(telemetry)) == 2
    del lag["1"]
    assert sum(name == "dualtrack_lag_records" for name, _ in read(telemetry)) == 1


def test_threads_lose_no_count() -> None:
    telemetry = Telemetry()

    def count() -> None:
        for _ in range(2000):
            telemetry.add(names.OUTCOMES, outcome="landed")
            telemetry.observe(names.LATENCY, 0.1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read(telemetry)
    assert found["dualtrack_outcomes_total", (("outcome", "landed"),)] == 8000
    assert found["dualtrack_latency_seconds_count", ()] == 8000


def test_a_batch_of_5000_latencies_is_seen_in_a_few_milliseconds() -> None:
    telemetry, values = Telemetry(), [0.001 * number for number in range(5000)]
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        telemetry.observe(names.LATENCY, values)
        took.append(time.perf_counter() - begun)
    # About 0.4 ms; one call for each value would take 20 times that.
    assert min(took) < 0.005
