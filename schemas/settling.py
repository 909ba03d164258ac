"""What settle works on: the records it read, decoded, each still carrying the name of its input."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.decisions import Decision, DecisionKind
from schemas.outcomes import Stage
from schemas.records import Headers, InputName
from schemas.signals import ValidatedSignal


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """The record that brought an input, in the order of the log.

    One input may be delivered several times, on other topics and with other content: validate repeats what was not
    acknowledged, and may have been upgraded meanwhile. The first delivery on the log counts.
    """

    at: datetime
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class ArrivedSignal:
    """A validated event that wants to land."""

    input: InputName
    via: Delivery
    known_at: datetime
    signal: ValidatedSignal


@dataclass(frozen=True, slots=True)
class ArrivedRejection:
    """A rejected input with its original bytes and headers."""

    input: InputName
    via: Delivery
    known_at: datetime
    key: bytes | None
    value: bytes | None
    headers: Headers
    stage: Stage
    rule: str
    reason: str
    rejected_at: datetime
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class ArrivedDecision:
    """A person's decision that wants to land."""

    input: InputName
    via: Delivery
    known_at: datetime
    source: str
    id: str
    kind: DecisionKind
    decision: Decision
    reported_at: datetime
    envelope: Mapping[str, Any]
    data: Mapping[str, Any]
    content_hash: str
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class SettleBatch:
    """Everything of one batch, in the order in which it was read, with the offsets to store when it has landed.

    ``next_offsets`` maps (topic, partition) *as consumed* to the offset to go on from. Inputs are named by their raw
    records, which stand on other topics.
    """

    signals: tuple[ArrivedSignal, ...] = ()
    rejections: tuple[ArrivedRejection, ...] = ()
    decisions: tuple[ArrivedDecision, ...] = ()
    next_offsets: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Which events a batch has added, where it has added and changed nothing else.

    It says what is to be looked at again: these, and what they correct or retract.
    """

    landed_at: datetime
    hashes: frozenset[int] = frozenset()
    """Of the events that landed, as in the column ``event_hash``."""
    decided: bool = False
    """Whether decisions of people landed too."""
    regrouped: frozenset[str] = frozenset()
    """Types of the events that stand in other stories now."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of the inputs that are new in a batch, each counted once.

    Redelivered inputs had their outcome before and are not counted again, though a delivery that is earlier on the log
    may have changed it. An input that takes the landed one's place counts as the duplicate that the other becomes.
    """

    landed: int = 0
    duplicate: int = 0
    rejected: int = 0
    redelivered: int = 0
    event_types: frozenset[str] = frozenset()
    """Types of the events that landed, were corrected or lost their place: what predictions must look at."""
    decisions: int = 0
    """How many of the landed ones are decisions."""
    rules: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
    """How many of the rejected ones each (stage, rule) refused."""
    fresh: Fresh | None = field(default=None, compare=False)
    """None where events changed places with their duplicates or lost them, so that everything has to be looked at, and
    for several batches together."""

    def __add__(self, other: "Landed") -> "Landed":
        return Landed(
            self.landed + other.landed,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.redelivered + other.redelivered,
            self.event_types | other.event_types,
            self.decisions + other.decisions,
            Counter(self.rules) + Counter(other.rules),
        )
