"""Makes events and what they become, stage by stage, for tests: valid and plausible unless told otherwise.

Each function takes what the test is about and fills in the rest::

    make_event("funding", amount=usd(-5))
    make_classified("deal", occurred_on="1875-03-01", offset=7)
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from pipeline.steps.content import content_hash
from schemas.envelope import CONTENT_TYPE, Envelope, event_type_name
from schemas.events import BY_TYPE, Event
from schemas.outcomes import Classified, ConvertedMoney, Enriched, Evidence, Finding, Parsed, ResolvedOrg
from schemas.records import Headers, RawRecord
from schemas.topics import topic_of
from schemas.values import Track

SOURCE: Final = "tests"
REPORTED_AT: Final = datetime(2026, 4, 17, 9, 30, tzinfo=UTC)
KNOWN_AT: Final = datetime(2026, 4, 17, 10, 0, tzinfo=UTC)
RATES: Final[Mapping[str, Decimal]] = {"USD": Decimal(1), "EUR": Decimal("1.1"), "JPY": Decimal("0.0067")}
"""USD for one unit; other currencies have no rate."""
CONTENT_HEADERS: Final[Headers] = (("content-type", CONTENT_TYPE.encode()),)


def usd(value: float | str, currency: str = "USD") -> dict[str, Any]:
    """An amount, as an event on the wire states it."""
    return {"value": str(value), "currency": currency}


FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "deal": {
        "kind": "compute supply",
        "parties": [{"name": "OpenAI", "role": "buyer"}, {"name": "Cerebras", "role": "supplier"}],
        "amount": usd(20_000_000_000),
    },
    "model-release": {
        "kind": "model",
        "developer": "DeepSeek",
        "model": "DeepSeek V4",
        "context_window": 1_000_000,
        "price": {"input": usd("0.28"), "output": usd("0.42")},
    },
    "benchmark": {"benchmark": "MMLU", "model": "Qwen 3.5", "score": 88.5, "unit": "percent"},
    "funding": {"company": "Harvey", "amount": usd(200_000_000), "valuation": usd(11_000_000_000)},
    "metric": {"subject": "Anthropic", "metric": "revenue", "value": 30_000_000_000, "unit": "USD"},
    "incident": {"system": "A chatbot", "severity": "minor"},
    "policy": {"jurisdiction": "EU", "instrument": "AI Act", "in_force_from": "2024-08-01", "duty_from": "2026-08-02"},
    "headline": {"published_on": "2026-04-16"},
}
"""What the events of each type carry besides title and date, when a test says nothing."""


def make_event(type: str = "deal", **fields: Any) -> Event:
    """An event of that type; ``fields`` replace or add to its plausible ones, written as on the wire."""
    common = {"title": f"Something about a {type}", "occurred_on": "2026-04-16", "urls": ["https://example.org/1"]}
    return BY_TYPE[(type, 1)].model_validate({**common, **FIELDS[type], **fields})


def make_record(
    value: bytes | None = b"{}",
    *,
    topic: str = "signals.deal",
    partition: int = 0,
    offset: int = 0,
    key: bytes | None = None,
    headers: Headers = CONTENT_HEADERS,
    known_at: datetime = KNOWN_AT,
) -> RawRecord:
    """A record as read from a log."""
    return RawRecord(topic, partition, offset, key, value, headers, round(known_at.timestamp() * 1000))


def make_parsed(
    event: Event | None = None,
    *,
    id: str | None = None,
    source: str = SOURCE,
    offset: int = 0,
    reported_at: datetime = REPORTED_AT,
    known_at: datetime = KNOWN_AT,
    warnings: Sequence[Finding] = (),
) -> Parsed:
    """An event that was understood, in the record it came in; ``id`` follows the offset unless given."""
    event = make_event() if event is None else event
    envelope = Envelope(
        specversion="1.0",
        id=id or f"event-{offset}",
        source=source,
        type=event_type_name(event.event_type, event.version),
        time=reported_at,
    )
    data = event.model_dump(mode="json", exclude_unset=True)
    value = json.dumps({**envelope.model_dump(mode="json", exclude_none=True), "data": data}).encode()
    record = make_record(value, topic=topic_of(event.event_type), offset=offset, known_at=known_at)
    return Parsed(record, envelope, event, data, reported_at, content_hash(envelope.type, data), tuple(warnings))


def make_enriched(
    parsed: Parsed | None = None,
    *,
    orgs: Sequence[ResolvedOrg] | None = None,
    money: Sequence[ConvertedMoney] | None = None,
    warnings: Sequence[Finding] = (),
) -> Enriched:
    """A parsed event with its organisations (id: the name in small letters) and its money in USD (by RATES)."""
    parsed = make_parsed() if parsed is None else parsed
    if orgs is None:
        orgs = [ResolvedOrg(name, id=name.casefold()) for name in parsed.event.named_orgs()]
    return Enriched(parsed, tuple(orgs), convert(parsed.event) if money is None else tuple(money), tuple(warnings))


def convert(event: Event) -> tuple[ConvertedMoney, ...]:
    """All money of an event, in USD where RATES has the currency."""
    converted = []
    for field, stated in event.money().items():
        rate = RATES.get(stated.currency)
        amount = None if rate is None else stated.value * rate
        day = None if rate is None else event.occurred_on.first
        converted.append(
            ConvertedMoney(field, stated.value, stated.currency, stated.qualifier, usd=amount, rate=rate, rate_date=day)
        )
    return tuple(converted)


def classify(
    enriched: Enriched,
    *,
    track: Track = Track.COST,
    scores: Mapping[str, float] | None = None,
    evidence: Sequence[Evidence] = (),
) -> Classified:
    """That enriched event with a track; the scores are sure of it unless given."""
    return Classified(enriched, track, {track.value: 1.0} if scores is None else scores, tuple(evidence))


def make_classified(
    type: str = "deal",
    *,
    scores: Mapping[str, float] | None = None,
    offset: int = 0,
    id: str | None = None,
    reported_at: datetime = REPORTED_AT,
    **fields: Any,
) -> Classified:
    """An event of that type, all the way to its track. ``fields`` are the event's own."""
    parsed = make_parsed(make_event(type, **fields), id=id, offset=offset, reported_at=reported_at)
    return classify(make_enriched(parsed), scores=scores)
