"""What an input becomes, stage by stage: ``Parsed``, ``Enriched``, ``Classified``, ``Checked``, or ``Rejected``.

Each stage returns a new frozen type that holds the one before, so that nothing is lost on the way and a function's
signature says how far an event has come. Bad input is a value (``Rejected``), never an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from schemas.envelope import Envelope
from schemas.events import Event
from schemas.records import InputName, RawRecord
from schemas.values import Qualifier, Track


class Stage(StrEnum):
    """Where an input was rejected."""

    PARSE = "parse"
    ENRICH = "enrich"
    CLASSIFY = "classify"
    CHECK = "check"
    ENCODE = "encode"
    SETTLE = "settle"


class Outcome(StrEnum):
    """What every input ends as, exactly one of the three."""

    LANDED = "landed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning: the event lands, with this beside it."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record that was understood: envelope and event are valid; ``data`` is the event as received."""

    record: RawRecord
    envelope: Envelope
    event: Event
    data: Mapping[str, Any]
    reported_at: datetime
    content_hash: str
    """Of the event as it was sent: a headline that is read differently after an upgrade is still the same headline."""
    warnings: tuple[Finding, ...] = ()

    @property
    def known_at(self) -> datetime:
        return self.record.timestamp


@dataclass(frozen=True, slots=True)
class ResolvedOrg:
    """An organisation in an event. ``id`` is None where the registry does not know the name."""

    name: str
    """As written."""
    id: str | None = None
    archetype: str | None = None
    region: str | None = None
    country: str | None = None
    parent: str | None = None
    """Canonical id of the topmost parent; the id itself where there is none."""


@dataclass(frozen=True, slots=True)
class ConvertedMoney:
    """An amount as stated and in USD at the event's date. ``usd`` is None where there is no rate."""

    field: str
    value: Decimal
    currency: str
    qualifier: Qualifier
    usd: Decimal | None = None
    rate: Decimal | None = None
    """USD for one unit of the currency."""
    rate_date: date | None = None


@dataclass(frozen=True, slots=True)
class Enriched:
    """A parsed event, with who is meant and how much it is in USD."""

    parsed: Parsed
    orgs: tuple[ResolvedOrg, ...]
    money: tuple[ConvertedMoney, ...]
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a track: a term, a field, an entity or a rule, with its weight."""

    kind: str
    """term, field, entity or rule"""
    what: str
    track: Track
    weight: float


@dataclass(frozen=True, slots=True)
class Classified:
    """An enriched event with its track, a score per track (they sum to 1) and the reasons."""

    enriched: Enriched
    track: Track
    scores: Mapping[str, float]
    evidence: tuple[Evidence, ...]

    @property
    def parsed(self) -> Parsed:
        return self.enriched.parsed


@dataclass(frozen=True, slots=True)
class Checked:
    """A classified event that may land, with every warning collected on the way."""

    classified: Classified
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that may not land: the raw record, untouched, and why."""

    record: RawRecord
    stage: Stage
    rule: str
    reason: str

    @property
    def name(self) -> InputName:
        return self.record.name
