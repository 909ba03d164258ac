"""A prediction as data: what is claimed, until when, how it is judged in each reading, and when people are told."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from predictions.criteria import Criterion, Leaf
from predictions.parts import SLUG, Day, Flag, Number, Part, Whole
from predictions.views import view_texts
from schemas.values import PartialDate

Path = tuple[str | int, ...]
"""Where something stands in a definition: ``("readings", 0, "criterion", "exists")``."""

EDITORIAL: Final = frozenset({"words", "note", "description", "unit", "show", "milestones"})
"""Keys whose change does not change what is judged."""


class Condition(Part):
    """A named condition: SQL that is true, false or, where it gives NULL, unknown."""

    sql: str = Field(min_length=1, description="Over the columns of the view; NULL is: nobody has said.")
    words: str = Field(min_length=1, description="The condition for people, so that 'not: <words>' can be read.")
    note: str | None = Field(default=None, description="How it is meant; whose threshold it is.")


IN_WINDOW: Final = "window"
GROUP_KNOWN: Final = "group"
AMOUNT_KNOWN: Final = "amount"
"""Conditions that every criterion brings along, beside those it names."""

RESERVED: Final = frozenset({IN_WINDOW, GROUP_KNOWN, AMOUNT_KNOWN})


class NearMiss(Part):
    """Which rows are near misses: those of which one condition is false, and that one might have been otherwise."""

    allow_unknown: Flag = Field(
        default=False, description="true: one is false, and nobody has said of some others; else all others are true."
    )
    except_: tuple[str, ...] = Field(
        default=(), alias="except", description="Conditions, or window: who fails one of these is no near miss."
    )

    def covers(self, failing: Sequence[str], unknown: Sequence[str]) -> bool:
        """Whether a row that fails these conditions, and waits for those, is a near miss."""
        return len(failing) == 1 and failing[0] not in self.except_ and (self.allow_unknown or not unknown)


DEFAULT_NEAR_MISS: Final = NearMiss()


class Window(Part):
    """The days in which it has to happen, both included; an end left out is open."""

    from_: Day | None = Field(default=None, alias="from", description="The first day that counts.")
    to: Day | None = Field(default=None, description="The last day that counts; left out: the deadline.")


class Milestone(Part):
    """When people are told: at a progress, or at a state."""

    name: str = Field(min_length=1, max_length=80, description="What people are told; once in a reading.")
    progress: Number | None = Field(default=None, ge=0, le=1, description="0 means: at the first evidence.")
    state: Literal["met", "missed", "annulled", "unresolvable"] | None = Field(
        default=None, description="At the state."
    )

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

    words: str = Field(description="What makes it void, for people: 'the two have merged'.")
    criterion: Criterion | None = Field(default=None, description="Left out: a person decides.")


class Reading(Part):
    """One way to read the claim, with a deadline and a criterion of its own."""

    id: str = Field(pattern=SLUG, description="Its name within the prediction: literal, strict, horizon, ...")
    description: str = Field(description="How the claim is read here, for people.")
    deadline: Day = Field(description="The last day that counts.")
    window: Window | None = Field(default=None, description="Left out: from the prediction to the deadline.")
    criterion: Criterion = Field(description="What has to hold: exactly one kind.")
    milestones: tuple[Milestone, ...] = Field(
        default=DEFAULT_MILESTONES, description="When people are told; left out: first evidence, half, met, missed."
    )
    annulled_if: Annulment | None = Field(default=None, description="What makes this reading void.")
    note: str | None = Field(default=None, description="Which thresholds and choices are our own.")

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

    def line(self, path: Path) -> int:
        """The line of the nearest thing that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def at(self, path: Path) -> str:
        """``file.yaml:12``"""
        return f"{self.file}:{self.line(path)}"


class Definition(Part):
    """A prediction: the claim in this project's words, and its readings."""

    id: str = Field(pattern=SLUG, description="Its name in commands: p1a.")
    title: str = Field(max_length=200, description="One line, for lists.")
    claim: str = Field(description="The claim in our own words; the source is never quoted.")
    source: str = Field(description="Who predicted it, and where.")
    made_on: PartialDate
    made_on_note: str | None = Field(default=None, description="How the day is known.")
    version: Whole = Field(default=1, ge=1, description="One more for each change of what is judged; wording is free.")
    tags: tuple[str, ...] = Field(default=(), description="For lists and alert rules.")
    note: str | None = Field(default=None, description="Which thresholds and choices are our own, and why.")
    conditions: dict[str, Condition] = Field(default={}, description="Conditions by name; readings refer to them.")
    near_miss: NearMiss | None = Field(default=None, description="Left out: one is false, all others are true.")
    readings: tuple[Reading, ...] = Field(min_length=1, description="The ways to read it, each judged by itself.")

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
    def near_miss_rule(self) -> NearMiss:
        """Which rows are near misses, the default filled in."""
        return self.near_miss or DEFAULT_NEAR_MISS

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
        problems = [_misplaced(path, message) for path, message in self._inconsistencies()]
        if problems:
            raise ValidationError.from_exception_data("Definition", problems)
        return self

    def _inconsistencies(self) -> Iterator[tuple[Path, str]]:
        for name in self.conditions.keys() & RESERVED:
            yield ("conditions", name), f"'{name}' is what every criterion brings along: give it another name"
        yield from self._unknown_names(("near_miss", "except"), self.near_miss_rule.except_, frozenset({IN_WINDOW}))
        ids = [reading.id for reading in self.readings]
        for index, reading in enumerate(self.readings):
            here: Path = ("readings", index)
            if reading.id in ids[:index]:
                yield (*here, "id"), f"two readings have the id '{reading.id}'"
            if reading.window is None and self.is_late(reading):
                yield (*here, "deadline"), "the deadline lies before made_on: give the reading a `window`"
            for path, leaf in reading.leaves():
                yield from self._unknown_names((*here, *path, "where"), leaf.where)

    def _unknown_names(
        self, path: Path, names: Iterable[str], besides: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Path, str]]:
        for index, name in enumerate(names):
            if name not in self.conditions and name not in besides:
                known = ", ".join(self.conditions) or "none"
                yield (*path, index), f"no condition is called '{name}' under `conditions` (there: {known})"


def _misplaced(path: Path, message: str) -> InitErrorDetails:
    """An error of the whole definition that knows the place it is about."""
    told = PydanticCustomError("misplaced", "{message}", {"message": message, "at": path})
    return InitErrorDetails(type=told, loc=(), input=None)


def _judging(value: Any) -> Any:
    """What is left of a dumped reading without its wording."""
    if isinstance(value, dict):
        return {key: _judging(item) for key, item in value.items() if key not in EDITORIAL and item is not None}
    return [_judging(item) for item in value] if isinstance(value, list) else value


def _normal(sql: str) -> str:
    return " ".join(sql.split())
