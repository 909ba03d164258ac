"""The metrics of the workers: every name, once, typed. ``docs/metrics.md`` is made from this list.

Names and units are Prometheus' own conventions. Labels take few values, and only values that we choose: a stranger's
record must not make a new time series.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What Prometheus makes of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Counters end in ``_total``; a histogram is exposed as ``_bucket``, ``_sum`` and ``_count``."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram; infinity is added."""

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names under which Prometheus finds it."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


_BATCH_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LATENCY_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_BATCH_RECORDS: Final = (1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 5000.0)

# --- throughput -----------------------------------------------------------------------------------------------------

# Records of finished batches; a batch that a fault cut short counts when it was done again.
RECORDS_IN: Final = Metric(
    "dualtrack_records_in_total", Kind.COUNTER, "Records read and finished, by the topic read.", ("station", "topic")
)
# What validate hands on, and the milestones of settle: only what the broker has confirmed.
RECORDS_OUT: Final = Metric(
    "dualtrack_records_out_total", Kind.COUNTER, "Records delivered, by the topic written.", ("station", "topic")
)
# How full batches are: small ones when traffic is light, up to 5,000 under load.
BATCH_RECORDS: Final = Metric(
    "dualtrack_batch_records", Kind.HISTOGRAM, "Records in a batch.", ("station",), _BATCH_RECORDS
)

# --- outcomes -------------------------------------------------------------------------------------------------------

# The sum of the three is the number of inputs settled by this process; the store holds the sum over all runs.
OUTCOMES: Final = Metric(
    "dualtrack_outcomes_total", Kind.COUNTER, "Inputs by outcome: landed, duplicate, rejected.", ("outcome",)
)
# No outcome: the input had its own before. Kills and rebalances make some; many without either are worth a look.
REDELIVERED: Final = Metric("dualtrack_redelivered_total", Kind.COUNTER, "Inputs that came again after their outcome.")
# By the rule that refused. After a hundred rules further ones count as `other`.
REJECTIONS: Final = Metric(
    "dualtrack_rejections_total", Kind.COUNTER, "Landed rejections by stage and rule.", ("stage", "rule")
)

# --- time -----------------------------------------------------------------------------------------------------------

# From the raw record's timestamp (`known_at`) to the commit in DuckDB. Who reads the snapshot waits for the next one on
# top: at least 2 s, and so long that snapshots take 5 % of the time.
LATENCY: Final = Metric(
    "dualtrack_latency_seconds",
    Kind.HISTOGRAM,
    "From the raw record's timestamp to the commit that makes it queryable.",
    (),
    _LATENCY_SECONDS,
)
# The station's own work on a batch, without waiting for Kafka.
BATCH_SECONDS: Final = Metric(
    "dualtrack_batch_seconds", Kind.HISTOGRAM, "The station's work on a batch.", ("station",), _BATCH_SECONDS
)
# Producing the outputs of a batch until the broker has confirmed the last one.
DELIVERY_SECONDS: Final = Metric(
    "dualtrack_delivery_seconds",
    Kind.HISTOGRAM,
    "Delivery of a batch's outputs, until all are confirmed.",
    ("station",),
    _BATCH_SECONDS,
)
# Great Expectations, once per batch of validate; about 120 ms whatever its size.
CHECK_SECONDS: Final = Metric(
    "dualtrack_check_seconds", Kind.HISTOGRAM, "Great Expectations over a batch.", (), _BATCH_SECONDS
)
# The COMMIT alone; it grows with the disk's latency.
COMMIT_SECONDS: Final = Metric(
    "dualtrack_commit_seconds", Kind.HISTOGRAM, "COMMIT of a DuckDB transaction.", (), _BATCH_SECONDS
)

# --- standing in the log --------------------------------------------------------------------------------------------

# Every partition of the worker, asked of the broker every 2.5 s; a partition that went elsewhere disappears here.
LAG: Final = Metric(
    "dualtrack_lag_records",
    Kind.GAUGE,
    "Records not finished yet, by partition assigned to this worker.",
    ("station", "topic", "partition"),
)
# Together with lag: records wait and this stands still means that the worker hangs.
LAST_PROGRESS: Final = Metric(
    "dualtrack_last_progress_timestamp_seconds",
    Kind.GAUGE,
    "When a batch was finished last; 0 before the first.",
    ("station",),
)
# Seconds in which records waited and none was finished; the watchdog stops the worker at DUALTRACK_STALL_S.
STALLED: Final = Metric(
    "dualtrack_stalled_seconds", Kind.GAUGE, "How long records wait and none is finished; else 0.", ("station",)
)
# Workers come and go; many rebalances within minutes mean that some are thrown out of the group.
REBALANCES: Final = Metric(
    "dualtrack_rebalances_total", Kind.COUNTER, "Assignments of partitions to this worker.", ("station",)
)
# A transient fault that passed. Many of one step say where the trouble is.
RETRIES: Final = Metric(
    "dualtrack_retries_total", Kind.COUNTER, "Further tries after a transient fault.", ("station", "step")
)

# --- the store and its readers --------------------------------------------------------------------------------------

# What analysts and the dashboard see is so old. Absent in a standby and before the first snapshot.
SNAPSHOT_AGE: Final = Metric("dualtrack_snapshot_age_seconds", Kind.GAUGE, "Age of the newest snapshot.")
# Checkpoint and copy.
SNAPSHOT_SECONDS: Final = Metric("dualtrack_snapshot_seconds", Kind.GAUGE, "How long the last snapshot took.")
# About the size of the store itself.
SNAPSHOT_BYTES: Final = Metric("dualtrack_snapshot_bytes", Kind.GAUGE, "Size of the last snapshot.")

# --- alerts ---------------------------------------------------------------------------------------------------------

# Milestones in the outbox that a receiver (topic, file, webhook) has not taken yet.
ALERTS_WAITING: Final = Metric(
    "dualtrack_alerts_waiting", Kind.GAUGE, "Alerts that are not delivered yet.", ("receiver",)
)
# 0 when none waits. Alerts are tried again for ever, after an hour at most.
ALERT_AGE: Final = Metric(
    "dualtrack_alert_age_seconds", Kind.GAUGE, "Age of the oldest alert that is not delivered yet.", ("receiver",)
)
# Failures of a webhook are the receiver's to mend; the reason stands in the table `deliveries`.
ALERT_ATTEMPTS: Final = Metric(
    "dualtrack_alert_attempts_total",
    Kind.COUNTER,
    "Attempts to deliver an alert, by result: delivered, failed.",
    ("receiver", "result"),
)

# --- the worker itself ----------------------------------------------------------------------------------------------

# What /health answers: 0 when the event loop does not turn, the station hangs, or a fault stops the worker.
HEALTHY: Final = Metric("dualtrack_healthy", Kind.GAUGE, "1 when /health is green.", ("station",))
# What /ready answers: 0 for a standby, before partitions are assigned, and when records wait without progress.
READY: Final = Metric("dualtrack_ready", Kind.GAUGE, "1 when /ready is green.", ("station",))
# Always 1; the versions stand in its labels.
BUILD_INFO: Final = Metric(
    "dualtrack_build_info", Kind.GAUGE, "Versions.", ("version", "python", "faust", "duckdb", "great_expectations")
)

METRICS: Final = (
    RECORDS_IN,
    RECORDS_OUT,
    BATCH_RECORDS,
    OUTCOMES,
    REDELIVERED,
    REJECTIONS,
    LATENCY,
    BATCH_SECONDS,
    DELIVERY_SECONDS,
    CHECK_SECONDS,
    COMMIT_SECONDS,
    LAG,
    LAST_PROGRESS,
    STALLED,
    REBALANCES,
    RETRIES,
    SNAPSHOT_AGE,
    SNAPSHOT_SECONDS,
    SNAPSHOT_BYTES,
    ALERTS_WAITING,
    ALERT_AGE,
    ALERT_ATTEMPTS,
    HEALTHY,
    READY,
    BUILD_INFO,
)
"""All metrics, in the order of the documentation."""

OF_THE_PROCESS: Final = (
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
)
"""Exposed by prometheus_client beside ours, on Linux."""
