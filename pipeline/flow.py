"""The whole path of an event, with no Kafka in it. Read this first.

    raw record ── parse ── read ── enrich ── classify ── check ──> signals.validated ──┐
                    │                                      │                           ├── settle ──> DuckDB
                    └──────────── rejected ────────────────┴─────> signals.rejected ───┘     └─> predictions, alerts

``validate_batch`` is stateless: as many workers as there are partitions. ``settle_batch`` is one transaction of one
process. Both run behind Faust agents (``agents.py``), and behind ``dualtrack load`` over a file, unchanged.

Bad input is a value with an output of its own; an exception is a fault and stops the worker, so that no batch is
skipped. Every input ends in exactly one counted outcome: landed, duplicate or rejected.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from checks.runner import CheckRunner
from pipeline.steps.classify import ClassifyTools, classify
from pipeline.steps.decode import decode
from pipeline.steps.encode import encode_passed, encode_rejected
from pipeline.steps.enrich import EnrichTools, enrich
from pipeline.steps.parse import parse
from pipeline.steps.read_headline import read_headline
from predictions.evaluate import Change, PredictionEngine
from predictions.milestones import alerts_of
from predictions.robustness import with_robustness
from schemas.outcomes import Parsed, Rejected
from schemas.records import OutRecord, RecordBatch
from schemas.settling import Landed, SettleBatch
from sinks.duckdb_sink import DuckDBSink

Clock = Callable[[], datetime]
Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class ValidateTools:
    """What validate works with: knowledge, checks and a clock."""

    enrich: EnrichTools
    classify: ClassifyTools
    checks: CheckRunner
    clock: Clock


@dataclass(frozen=True, slots=True)
class Validated:
    """The two outputs of validate. Together they hold every input exactly once."""

    passed: tuple[OutRecord, ...]
    rejected: tuple[OutRecord, ...]


def validate_batch(records: RecordBatch, tools: ValidateTools) -> Validated:
    """Raw records in; records for ``signals.validated`` and ``signals.rejected`` out, in the order of the input."""
    # 1. Understand it: bytes to envelope and event.
    parsed, unreadable = _split(parse(record) for record in records)
    # 2. A headline that plainly reports a typed event is read as one; the rest stay headlines.
    read = [read_headline(item) or item for item in parsed]
    # 3. Who is meant, and how much is it in USD.
    enriched = [enrich(item, tools.enrich) for item in read]
    # 4. Which race does it move, and why.
    classified = [classify(item, tools.classify) for item in enriched]
    # 5. Is it fit to be counted? Row by row, one Great Expectations suite over all types.
    checked = tools.checks.run(classified)
    # 6. Two outputs: what passed, and what was rejected with stage, rule and reason.
    encoded = [encode_passed(item) for item in checked.passed]
    passed = tuple(item for item in encoded if isinstance(item, OutRecord))
    too_large = [item for item in encoded if isinstance(item, Rejected)]
    now = tools.clock()
    rejected = (*unreadable, *checked.rejected, *too_large)
    return Validated(passed, tuple(encode_rejected(item, now) for item in rejected))


@dataclass(frozen=True, slots=True)
class SettleTools:
    """What settle works with: the one writer of DuckDB, the predictions, who is told, and a clock."""

    sink: DuckDBSink
    predictions: PredictionEngine
    receivers: tuple[str, ...]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch, and which predictions it moved."""

    landed: Landed
    changes: tuple[Change, ...]
    batch: SettleBatch
    """What was read, decoded."""


def settle_batch(records: RecordBatch, tools: SettleTools, next_offsets: Offsets | None = None) -> Settled:
    """Validated and rejected records and decisions in; one DuckDB transaction out. Safe to repeat.

    ``next_offsets`` says where to go on reading where that does not follow from the records (a loaded file).
    """
    now = tools.clock()
    # 1. Decode, each record under the name of its raw input.
    batch = decode(records, next_offsets)
    with tools.sink.transaction() as transaction:
        # 2. Rows, rejections, duplicates, decisions, the ledger and the offsets.
        landed = transaction.land(batch, now)
        # 3. The predictions whose inputs changed, or whose deadline has passed.
        changes = tools.predictions.evaluate(transaction.connection, landed.event_types, now)
        # 4. What people on alert must hear, to be delivered after the commit.
        told = transaction.told(change.definition.id for change in changes)
        alerts = with_robustness(transaction.connection, changes, alerts_of(changes, told))
        transaction.queue(alerts, tools.receivers)
    # 5. Committed: all of it, or on any fault none of it.
    return Settled(landed, changes, batch)


def _split(outcomes: Iterable[Parsed | Rejected]) -> tuple[list[Parsed], list[Rejected]]:
    parsed: list[Parsed] = []
    rejected: list[Rejected] = []
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
        else:
            parsed.append(outcome)
    return parsed, rejected
