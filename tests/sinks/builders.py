"""Small builders of what arrives at the sink, for the tests of this folder and the landing benchmark."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from schemas.alerts import Alert
from schemas.decisions import Decision, DecisionKind
from schemas.outcomes import ConvertedMoney, Evidence, Finding, ResolvedOrg, Stage
from schemas.records import InputName
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Delivery, SettleBatch
from schemas.signals import ValidatedSignal
from schemas.values import Precision, Qualifier, Track

START = datetime(2026, 4, 16, 12, 0, tzinfo=UTC)
LANDED_AT = datetime(2026, 5, 1, tzinfo=UTC)

DATA: Mapping[str, Mapping[str, Any]] = {
    "deal": {
        "kind": "compute supply",
        "parties": [{"name": "Acme AI", "role": "buyer"}, {"name": " Chip Co ", "role": "supplier"}],
        "amount": {"value": 6.6e9, "currency": "USD"},
    },
    "model-release": {"kind": "model", "developer": "Acme AI", "model": "Acme 5"},
    "benchmark": {"benchmark": "GPQA", "model": "Acme 5", "score": 88.5, "unit": "percent"},
    "funding": {"company": "Acme AI", "round": "series A", "investors": ["Fund One", " Fund Two "]},
    "metric": {"subject": "Acme AI", "metric": "revenue", "value": "12.5", "unit": "USD"},
    "incident": {"system": "Acme 5", "severity": "serious"},
    "policy": {"jurisdiction": "EU", "instrument": "AI Act", "stage": "in force"},
    "headline": {},
}


def at(minutes: float) -> datetime:
    """A moment, in minutes after the start of the tests' time."""
    return START + timedelta(minutes=minutes)


def name(offset: int, topic: str = "signals.deal", partition: int = 0) -> InputName:
    return InputName(topic, partition, offset)


def via(offset: int, topic: str = "signals.validated", partition: int = 0, minutes: float | None = None) -> Delivery:
    """The record that brings an input: one minute later for each offset."""
    return Delivery(at(offset if minutes is None else minutes), topic, partition, offset)


def identity(id: str, source: str = "desk") -> dict[str, str]:
    return {"source": source, "id": id}


def money(field: str, value: str, usd: str | None = None, currency: str = "USD") -> ConvertedMoney:
    amount = Decimal(value)
    return ConvertedMoney(field, amount, currency, Qualifier.EXACT, Decimal(usd) if usd else amount, Decimal(1))


def signal(
    id: str,
    event_type: str = "deal",
    source: str = "desk",
    content: str = "same",
    money: Sequence[ConvertedMoney] = (),
    replay_of: str | None = None,
    **fields: Any,
) -> ValidatedSignal:
    """A validated event; ``fields`` are added to the data of its type."""
    data = {"title": f"Event {id}", "occurred_on": "2026-04-16", **DATA[event_type], **fields}
    return ValidatedSignal(
        envelope={"specversion": "1.0", "id": id, "source": source, "type": f"ai.dualtrack.{event_type}.v1"},
        data=data,
        event_type=event_type,
        version=1,
        occurred_first=date(2026, 4, 16),
        occurred_last=date(2026, 4, 16),
        occurred_precision=Precision.DAY,
        reported_at=START,
        orgs=(ResolvedOrg("Acme AI", "acme", "lab", "US", "US", "acme"), ResolvedOrg("Chip Co")),
        money=tuple(money),
        track=Track.COST,
        scores={"cost": 0.75, "application": 0.25},
        evidence=(Evidence("term", "cheaper", Track.COST, 0.75),),
        warnings=(Finding("old", "a year old"),),
        content_hash=content,
        replay_of=replay_of,
    )


def arrived(offset: int, id: str | None = None, minutes: float | None = None, **options: Any) -> ArrivedSignal:
    """An event that arrives as input ``offset``; known that many minutes after the start."""
    input_name = options.pop("input", name(offset))
    delivered = options.pop("via", via(offset))
    moment = at(offset if minutes is None else minutes)
    return ArrivedSignal(input_name, delivered, moment, signal(id or f"e{offset}", **options))


def rejection(
    offset: int, replay_of: str | None = None, topic: str = "signals.deal", delivered: Delivery | None = None
) -> ArrivedRejection:
    return ArrivedRejection(
        input=name(offset, topic),
        via=delivered or via(offset, "signals.rejected"),
        known_at=at(offset),
        key=None,
        value=b"\xff\x00not json",
        headers=(("trace", b"\x00\x01"),),
        stage=Stage.PARSE,
        rule="json",
        reason="no JSON",
        rejected_at=at(offset + 1),
        replay_of=replay_of,
    )


def decision(offset: int, id: str | None = None) -> ArrivedDecision:
    data = {"by": "ann", "prediction": "p1", "reading": "plain", "outcome": "met"}
    return ArrivedDecision(
        input=name(offset, "decisions"),
        via=via(offset, "decisions"),
        known_at=at(offset),
        source="people",
        id=id or f"d{offset}",
        kind=DecisionKind.RESOLVE,
        decision=Decision.model_validate(data),
        reported_at=at(offset),
        envelope={"id": id or f"d{offset}", "source": "people"},
        data=data,
        content_hash="same",
    )


def batch(
    *items: ArrivedSignal | ArrivedRejection | ArrivedDecision, offsets: Mapping[tuple[str, int], int] | None = None
) -> SettleBatch:
    """A batch of what arrived, in the given order."""
    return SettleBatch(
        signals=tuple(item for item in items if isinstance(item, ArrivedSignal)),
        rejections=tuple(item for item in items if isinstance(item, ArrivedRejection)),
        decisions=tuple(item for item in items if isinstance(item, ArrivedDecision)),
        next_offsets=offsets or {},
    )


def alert(key: str = "p1/plain/met", prediction: str = "p1") -> Alert:
    return Alert(
        key=key,
        prediction=prediction,
        reading="plain",
        kind="met",
        milestone="met",
        title="It happened",
        state="met",
        progress=1.0,
        known_at=START,
        evidence=({"source": "desk", "id": "e1"},),
    )


def size_of(one: ArrivedSignal) -> int:
    """Bytes of the event as JSON."""
    return len(to_json(one.signal.data))
