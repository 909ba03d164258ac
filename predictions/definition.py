"""A prediction as data: what is claimed, until when, how it is judged in each reading, and when people are told."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from predictions.criteria import Criterion, Leaf
from predictions.parts import SLUG, Part
from predictions.views import view_texts
from schemas.values import PartialDate

Path = tuple[str | int, ...]
"""Where something stands in a definition: ``("readings", 0, "criterion", "exists")``."""

EDITORIAL: Final = frozenset({"words", "note", "description", "unit", "show", "milestones"})
"""Keys whose change does not change what is judged."""


class Condition(Part):
    """A named condition: SQL that is true, false or, where it gives NULL, unknown."""

    sql: str = Field(min_length=1)
    words: str = Field(min_length=1, description="The condition for people, so that 'not: <words>' can be read.")
    note: str | None = None


class Window(Part):
    """The days in which it has to happen, both included; an end left out is open."""

    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class Milestone(Part):
    """When people are told: at a progress, or at a state."""

    name: str = Field(min_length=1, max_length=80)
    progress: float | None = Field(default=None, ge=0, le=1, description="0 means: at the first evidence.")
    state: Literal["met", "missed", "annulled", "unresolvable"] | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if (self.progress is None) == (self.state is None):
            raise ValueError("a milestone needs exactly one of: progress, state")
        return self


DEFAULT_MILESTONES: Final = (
    Milestone(name="first evidence", progress=0),
    Milestone(name="half", progress=0.5),
    Milestone(name="met", state="met"),
    Milestone(name="missed", state="missed"),
)


class Annulment(Part):
    """What makes the question void. Without a criterion a person decides."""

    words: str
    criterion: Criterion | None = None


class Reading(Part):
    """One way to read the claim, with a deadline and a criterion of its own."""

    id: str = Field(pattern=SLUG)
    description: str
    deadline: date = Field(description="The last day that counts.")
    window: Window | None = Field(default=None, description="Left out: from the prediction to the deadline.")
    criterion: Criterion
    milestones: tuple[Milestone, ...] = DEFAULT_MILESTONES
    annulled_if: Annulment | None = None
    note: str | None = None

    @property
    def closes_at(self) -> datetime:
        """The last instant of the deadline: what the deadline changes carries this time."""
        return datetime.combine(self.deadline, time.max, UTC)

    def criteria(self) -> Iterator[tuple[Path, Criterion]]:
        """The criterion and, where there is one, that of the annulment, each with its place in the reading."""
        yield ("criterion",), self.criterion
        if self.annulled_if and self.annulled_if.criterion:
            yield ("annulled_if", "criterion"), self.annulled_if.criterion

    def leaves(self) -> Iterator[tuple[Path, Leaf]]:
        """Every selection of rows that the reading needs, with its place in the reading."""
        for path, criterion in self.criteria():
            yield from criterion.leaves(path)


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a definition was read from, and the line of everything in it."""

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)

    def at(self, path: Path) -> str:
        """``file.yaml:12`` for the nearest thing that has a line."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


class Definition(Part):
    """A prediction: the claim in this project's words, and its readings."""

    id: str = Field(pattern=SLUG)
    title: str = Field(max_length=200)
    claim: str = Field(description="The claim in our own words; the source is never quoted.")
    source: str = Field(description="Who predicted it, and where.")
    made_on: PartialDate
    made_on_note: str | None = None
    version: int = Field(default=1, ge=1)
    tags: tuple[str, ...] = ()
    note: str | None = None
    conditions: dict[str, Condition] = Field(default={}, description="Conditions by name; readings refer to them.")
    readings: tuple[Reading, ...] = Field(min_length=1)

    _origin: Origin = PrivateAttr(default=Origin("<definition>"))

    @property
    def origin(self) -> Origin:
        return self._origin

    def read_from(self, origin: Origin) -> Self:
        """The same definition, knowing where it came from."""
        copy = self.model_copy()
        copy._origin = origin
        return copy

    @property
    def declared_at(self) -> datetime:
        """The first instant of the day on which the prediction was made."""
        return datetime.combine(self.made_on.first, time.min, UTC)

    def reading(self, id: str) -> Reading:
        """The reading of that id; raises KeyError that names those there are."""
        for reading in self.readings:
            if reading.id == id:
                return reading
        raise KeyError(f"{self.id} has no reading {id!r}; it has: {', '.join(r.id for r in self.readings)}")

    def is_late(self, reading: Reading) -> bool:
        """Whether the deadline had passed when the prediction was made."""
        return reading.deadline < self.made_on.first

    def window(self, reading: Reading) -> Window:
        """The window of a reading with its default filled in."""
        if reading.window is None:
            return Window.model_validate({"from": self.made_on.first, "to": reading.deadline})
        return reading.window if reading.window.to else reading.window.model_copy(update={"to": reading.deadline})

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides a verdict: criteria, conditions, windows, helper views; no wording."""
        views = sorted({leaf.view for reading in self.readings for _, leaf in reading.leaves()})
        judged = {
            "made_on": str(self.made_on),
            "conditions": {name: _normal(condition.sql) for name, condition in self.conditions.items()},
            "readings": [_judging(reading.model_dump(mode="json", by_alias=True)) for reading in self.readings],
            "views": {view: _normal(text) for view in views for text in view_texts(view)},
        }
        return hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [reading.id for reading in self.readings]
        for index, reading in enumerate(self.readings):
            here: Path = ("readings", index)
            if reading.id in ids[:index]:
                raise _misplaced((*here, "id"), f"two readings have the id '{reading.id}'")
            if reading.window is None and self.is_late(reading):
                raise _misplaced((*here, "deadline"), "the deadline lies before made_on: give the reading a `window`")
            for path, leaf in reading.leaves():
                self._check_names((*here, *path, "where"), leaf)
        return self

    def _check_names(self, path: Path, leaf: Leaf) -> None:
        for index, name in enumerate(leaf.where):
            if name not in self.conditions:
                known = ", ".join(self.conditions) or "none"
                raise _misplaced((*path, index), f"no condition is called '{name}' under `conditions` (there: {known})")


def _misplaced(path: Path, message: str) -> PydanticCustomError:
    """An error of the whole definition that knows the place it is about."""
    return PydanticCustomError("misplaced", "{message}", {"message": message, "at": path})


def _judging(value: Any) -> Any:
    """What is left of a dumped reading without its wording."""
    if isinstance(value, dict):
        return {key: _judging(item) for key, item in value.items() if key not in EDITORIAL and item is not None}
    return [_judging(item) for item in value] if isinstance(value, list) else value


def _normal(sql: str) -> str:
    return " ".join(sql.split())
