"""A log of inputs of every kind, as validate writes it, and stores that settle makes of it."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from dualtrack.settings import Settings
from dualtrack.tools import settle_parts, validate_tools
from pipeline.flow import ValidateTools, settle_batch, validate_batch
from pipeline.settle import SettleParts
from pipeline.steps.encode import encode_rejected
from predictions.definition import Definition
from predictions.evaluate import PredictionEngine
from schemas.decisions import DecisionKind, decision_type
from schemas.outcomes import Rejected, Stage
from schemas.records import OutRecord, RawRecord
from schemas.topics import DECISIONS, VALIDATED
from sinks.differences import differences
from tests.factories import CONTENT_HEADERS, SOURCE, make_event, make_parsed, usd
from tests.predictions.world import UNICORNS, define

BASE = datetime(2026, 5, 1, tzinfo=UTC)
EARLY = datetime(2026, 7, 1, tzinfo=UTC)
"""When the log is read: before the deadline, 17 April 2027."""
END = datetime(2027, 6, 1, tzinfo=UTC)

CRITERIA = {
    "count": UNICORNS,
    "stories": "{count_distinct: {from: lab_designer_stories, of: lab, where: [supplied, held], at_least: 2}}",
    "sum": "{sum: {from: facts_funding, value: valuation_usd, per: company, at_least: 3000000000}}",
    "below": "{latest: {from: facts_funding, value: valuation_usd, within: company, below: 3000000000}}",
}
CONDITIONS = """
  sold: {words: it was sold, sql: kind = 'acquisition'}
  supplied: {words: chips are supplied, sql: supply}
  held: {words: one holds a stake in the other, sql: lab_holds OR designer_holds}
"""
ANNULLED = "    annulled_if: {words: a firm was sold, criterion: {exists: {from: facts_deal, where: [sold]}}}"


def definitions() -> tuple[Definition, ...]:
    return tuple(
        define(criterion, conditions=CONDITIONS, reading=ANNULLED if id == "count" else "").model_copy(
            update={"id": id}
        )
        for id, criterion in CRITERIA.items()
    )


# The log -------------------------------------------------------------------------------------------------------------

Input = tuple[str, int, int, int]
"""Its kind, a choice within it, the partition of its raw topic, and of the one that settle reads."""

Again = tuple[int, str, int]
"""Which input is delivered once more, as what, and on which partition."""


DECIDED = ("resolve", "merge", "split", "undo", "strange")
"""Kinds that are no raw record of an event."""


@dataclass(frozen=True, slots=True)
class Log:
    """The records that settle reads, by partition, in order."""

    partitions: tuple[tuple[RawRecord, ...], ...]

    def in_order(self) -> list[RawRecord]:
        """All records by their time, then by their place."""
        return sorted(
            (record for partition in self.partitions for record in partition),
            key=lambda one: (one.timestamp_ms, one.topic, one.partition, one.offset),
        )

    def interleaved(self, rng: random.Random) -> list[RawRecord]:
        """All records in some order that keeps that of each partition."""
        queues = [list(partition) for partition in self.partitions]
        found: list[RawRecord] = []
        while any(queues):
            queue = rng.choice([one for one in queues if one])
            count = rng.randint(1, 4)
            found += queue[:count]
            del queue[:count]
        return found


def raw_record(number: int, made: Input, at: datetime) -> RawRecord:
    """The raw record of an input: what somebody published."""
    kind, choice, partition, _ = made
    target = {"source": SOURCE, "id": f"event-{choice % max(number, 1)}"}
    fields: dict[str, Any] = {"company": "ABC"[choice % 3], "occurred_on": "2026-04-20"}
    fields["valuation"] = [None, usd(5), usd(2e9), usd(4e9)][choice % 4]
    if kind in ("corrects", "retracts"):
        fields |= {kind: target, "title": f"It was otherwise, number {number}"}
    if kind == "copy":
        fields |= {"title": f"The same again, number {choice % 2}"}
    if kind == "bad":
        fields |= {"occurred_on": "1875-03-01"}
    event = make_event("funding", **fields)
    if kind in ("supply", "stake", "sale"):
        event = _deal(kind, choice)
    id = target["id"] if kind == "copy" else f"event-{number}"
    record = make_parsed(event, id=id, offset=number, known_at=at).record
    return replace(record, partition=partition)


def _deal(kind: str, choice: int) -> Any:
    parties = [{"name": "OpenAI", "role": "lab"}, {"name": "AMD", "role": "supplier"}]
    day = f"2026-04-{20 + choice % 3}"
    if kind == "supply":
        return make_event("deal", kind="compute supply", parties=parties, occurred_on=day, equity=[])
    if kind == "sale":
        return make_event("deal", kind="acquisition", parties=parties, occurred_on=day)
    stake = [{"holder": "AMD", "issuer": "OpenAI"}]
    return make_event("deal", kind="equity partnership", parties=parties, occurred_on=day, equity=stake)


def decision(number: int, choice: int) -> bytes:
    """A person's resolution of a prediction, or its end."""
    data = {
        "by": "a tester",
        "prediction": list(CRITERIA)[choice % len(CRITERIA)],
        "outcome": ["met", "open", "missed"][choice % 3],
        "why": f"number {number}",
    }
    body = {"specversion": "1.0", "id": f"event-{number - choice % 2}", "source": SOURCE, "data": data}
    return to_json({**body, "type": decision_type(DecisionKind.RESOLVE)})


def story_decision(number: int, kind: str, choice: int) -> bytes:
    """A person's merge or split of stories, or the end of one."""
    events = [{"source": SOURCE, "id": f"event-{(choice + step) % max(number, 1)}"} for step in range(2)]
    data: dict[str, Any] = {"by": "a tester", "why": f"number {number}"}
    if kind == "undo":
        data |= {"takes_back": events[0]}
    else:
        data |= {"events": events} if kind == "merge" else {"events": events[:1], "apart_from": events[1:]}
    named = DecisionKind.SPLIT_STORY if kind == "split" else DecisionKind.MERGE_STORIES
    body = {"specversion": "1.0", "id": f"event-{number}", "source": SOURCE, "data": data}
    return to_json({**body, "type": decision_type(named)})


def make_log(inputs: Sequence[Input], again: Sequence[Again], tied: bool, tools: ValidateTools) -> Log:
    """The log that validate writes of these inputs, each delivered once, and some of them again later on."""
    laid = [(number, "first", made[3]) for number, made in enumerate(inputs)]
    for which, variant, partition in again:
        number = which % len(inputs)
        place = next(index for index, one in enumerate(laid) if one[:2] == (number, "first"))
        laid.insert(place + 1 + which % (len(laid) - place), (number, variant, partition))
    times = [BASE + timedelta(seconds=position // 2 * 2 if tied else position) for position in range(len(laid))]
    known = {one[0]: at - timedelta(milliseconds=250) for one, at in reversed([*zip(laid, times, strict=True)])}
    raw = {n: raw_record(n, made, known[n]) for n, made in enumerate(inputs) if made[0] not in DECIDED}
    first = _validated(list(raw.values()), tools)
    queues: dict[tuple[str, int], list[RawRecord]] = {}
    for (number, variant, partition), at in zip(laid, times, strict=True):
        out = _delivery(number, inputs[number], variant, raw.get(number), first)
        queue = queues.setdefault((out.topic, 0 if out.topic == DECISIONS else partition), [])
        stamp = round(at.timestamp() * 1000)
        queue.append(
            RawRecord(
                out.topic,
                0 if out.topic == DECISIONS else partition,
                len(queue),
                out.key,
                out.value,
                out.headers,
                stamp,
            )
        )
    return Log(tuple(tuple(queue) for queue in queues.values()))


def _validated(records: list[RawRecord], tools: ValidateTools) -> dict[int, OutRecord]:
    """By the number of its input, what validate makes of each."""
    done = validate_batch(records, tools)
    return {int(dict(out.headers)["dualtrack-input-offset"]): out for out in (*done.passed, *done.rejected)}


def _delivery(number: int, made: Input, variant: str, raw: RawRecord | None, first: dict[int, OutRecord]) -> OutRecord:
    kind, choice, _, _ = made
    if raw is None:
        if kind == "resolve":
            return OutRecord(DECISIONS, None, decision(number, choice), CONTENT_HEADERS)
        if kind != "strange":
            return OutRecord(DECISIONS, None, story_decision(number, kind, choice), CONTENT_HEADERS)
        return OutRecord(VALIDATED, None, b"whatever", ())
    out = first[number]
    if variant == "rejected":
        return encode_rejected(Rejected(raw, Stage.CHECK, "newer_rule", "by a newer validate"), EARLY)
    if variant == "other" and out.topic == VALIDATED:
        return replace(out, value=out.value.replace(b'"track":"', b'"track":"none","was":"', 1))
    return out


# Reading it ----------------------------------------------------------------------------------------------------------


# Reading it ---------------------------------------------------------------------------------------------------------


class Clock:
    """The clock on the wall."""

    def __init__(self) -> None:
        self.now = EARLY

    def __call__(self) -> datetime:
        return self.now


def parts_at(home: Path, clock: Clock) -> SettleParts:
    parts = settle_parts(Settings(home=home), ("file", "topic"))
    defined = definitions()
    tools = replace(parts.tools, predictions=PredictionEngine(defined), clock=clock)
    return replace(parts, tools=tools, definitions=defined)


def a_validate() -> ValidateTools:
    """The real one, with a clock of ours."""
    tools = replace(validate_tools(), clock=lambda: EARLY)
    tools.checks.open()
    return tools


def settle(
    empty: Path,
    home: Path,
    batches: Sequence[Sequence[RawRecord]],
    *,
    turn_late_after: int | None = None,
    outbox_of: Path | None = None,
    to_the_end: bool = True,
) -> Path:
    """Settle the batches into a store of its own; the deadline passes after some of them, or at the end."""
    clock = Clock()
    parts = parts_at(home, clock)
    shutil.copyfile(empty, parts.sink.path)
    parts.sink.open()
    inputs = 0
    try:
        if outbox_of is not None:
            with parts.sink.transaction() as transaction:
                transaction.connection.execute(f"ATTACH '{outbox_of}' AS old (READ_ONLY)")
                transaction.connection.execute("INSERT INTO outbox FROM old.outbox")
        for number, batch in enumerate(batches):
            if number == turn_late_after:
                clock.now = END
            landed = settle_batch(batch, parts.tools).landed
            inputs += landed.landed + landed.duplicate + landed.rejected
        if to_the_end:
            clock.now = END
            settle_batch((), parts.tools)
        with parts.sink.reader() as connection:
            assert connection.execute("SELECT count(*) FROM outcomes").fetchall() == [(inputs,)]
            check_outbox(connection)
    finally:
        parts.sink.close()
    return parts.sink.path


def check_outbox(connection: Any) -> None:
    """Tellings alternate, have no gaps, and the last says what holds."""
    tellings = connection.execute(
        """
        SELECT o.prediction, o.milestone, list(o.telling ORDER BY o.telling), list(o.kind ORDER BY o.telling),
            any_value(p.state)
        FROM outbox o JOIN predictions p USING (prediction, reading) WHERE o.receiver = 'file' GROUP BY ALL
        """
    ).fetchall()
    for prediction, milestone, numbers, kinds, state in tellings:
        assert numbers == list(range(1, len(numbers) + 1)), (prediction, milestone)
        assert [kind == "retracted" for kind in kinds] == [number % 2 == 0 for number in numbers]
        if milestone in ("met", "missed", "annulled"):
            assert (state == milestone) == (kinds[-1] != "retracted"), (prediction, milestone, state, kinds)


def cut(records: Sequence[RawRecord], rng: random.Random) -> list[Sequence[RawRecord]]:
    """Batches, some of which are read twice."""
    batches: list[Sequence[RawRecord]] = []
    start = 0
    while start < len(records):
        size = rng.randint(1, 5)
        batches += [records[start : start + size]] * rng.choice([1, 1, 2])
        start += size
    return batches


def unequal(old: Path, new: Path, apart: frozenset[str] = frozenset()) -> list[Any]:
    return [found for found in differences(old, new) if not found.equal and found.table not in apart]
