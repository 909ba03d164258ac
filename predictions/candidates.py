"""A row that a criterion looks at, what it says, and the moments between which it holds."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar

from predictions.definition import DEFAULT_NEAR_MISS, NearMiss, Path


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in the history: instant first, then the place in the log, so that the order never depends on luck."""

    DECLARED: ClassVar[int] = 0
    EVENT: ClassVar[int] = 1
    DEADLINE: ClassVar[int] = 2

    known_at: datetime
    rank: int = 1
    topic: str = ""
    partition: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Cause:
    """The event or decision that changed something, and the input that brought it."""

    source: str
    id: str
    moment: Moment

    def as_json(self) -> dict[str, Any]:
        """As the column ``cause`` holds it."""
        at = self.moment
        return {
            "source": self.source,
            "id": self.id,
            "topic": at.topic,
            "partition": at.partition,
            "offset": at.offset,
        }


@dataclass(frozen=True, eq=False)
class Candidate:
    """One row of a selection, judged: each named condition is true, false or unknown (None)."""

    path: Path
    """Which selection of the reading it belongs to."""
    source: str
    id: str
    title: str
    occurred_on: date
    occurred_until: date
    url: str | None
    began: Moment
    """When it became known."""
    ended_at: datetime | None
    """When a correction or retraction took it back."""
    reported_at: datetime
    also: tuple[tuple[str, str], ...]
    """Further events that the row is made of."""
    group: str | None
    entity: str | None
    value: float | None
    shown: dict[str, Any]
    verdicts: dict[str, bool | None]
    near_miss: NearMiss = DEFAULT_NEAR_MISS
    """Which rows are near misses."""

    @cached_property
    def failing(self) -> tuple[str, ...]:
        """Conditions that are false."""
        return tuple(name for name, verdict in self.verdicts.items() if verdict is False)

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Conditions about which nobody has said anything."""
        return tuple(name for name, verdict in self.verdicts.items() if verdict is None)

    @property
    def holds(self) -> bool:
        """Evidence: every condition is true."""
        return not self.failing and not self.unknown

    @property
    def is_open(self) -> bool:
        """Nothing speaks against it, and something is not known."""
        return not self.failing and bool(self.unknown)

    @property
    def is_near_miss(self) -> bool:
        """One condition fails; unless the definition says otherwise, all others hold."""
        return self.near_miss.covers(self.failing, self.unknown)

    @property
    def name(self) -> tuple[object, ...]:
        """Tells rows of one event apart and puts them in order, since SQL gives them in any."""
        texts = (self.source, self.id, self.group or "", self.entity or "", str(self.path))
        values = (self.value or 0.0, repr(self.shown), repr(self.verdicts), str(self.ended_at))
        return *texts, self.occurred_on, self.occurred_until, self.also, *values

    @property
    def newest_by(self) -> tuple[date, date, Moment]:
        """Order of newness in the world; what was learnt later wins a draw."""
        return self.occurred_until, self.occurred_on, self.began

    @property
    def cause(self) -> Cause:
        return Cause(self.source, self.id, self.began)

    def as_json(self) -> dict[str, Any]:
        """As ``evidence`` holds it: the identity, the input that brought it, what it is and the values used."""
        item: dict[str, Any] = {
            **self.cause.as_json(),
            "title": self.title,
            "occurred_on": self.occurred_on.isoformat(),
            "occurred_until": self.occurred_until.isoformat(),
            "url": self.url,
        }
        optional = {"group": self.group, "entity": self.entity, "value": self.value, "shown": self.shown}
        item |= {key: value for key, value in optional.items() if value not in (None, {})}
        if self.also:
            item["also"] = [{"source": source, "id": id} for source, id in self.also]
        return item
