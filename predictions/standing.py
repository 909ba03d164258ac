"""Where a reading stands at one moment: the row of ``prediction_states`` that people and alerts are shown."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from predictions.candidates import Candidate, Cause
from predictions.definition import AMOUNT_KNOWN, GROUP_KNOWN, IN_WINDOW, Definition, Reading, Window
from predictions.measure import AFTER_FIRST, Measure, Waiting


class State(StrEnum):
    """What has become of a prediction."""

    OPEN = "open"
    MET = "met"
    MISSED = "missed"
    ANNULLED = "annulled"
    UNRESOLVABLE = "unresolvable"
    LATE = "late"


class Verdict(StrEnum):
    """What the criterion alone says."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


VERDICTS: Final = {True: Verdict.MET, False: Verdict.NOT_MET, None: Verdict.UNKNOWN}

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a reading from ``known_at`` until the next one."""

    known_at: datetime
    state: str
    verdict: str
    progress: float
    observed: float | None
    target: float | None
    cause: Item | None
    evidence: tuple[Item, ...]
    waiting: tuple[Item, ...]
    detail: str = field(compare=False)
    """One sentence for people: wording, so it takes no part in comparisons."""
    closed: bool = field(default=False, compare=False)
    """Whether the deadline had passed. Not stored: the time says it."""

    def same_news(self, other: "Standing") -> bool:
        """Whether nothing that people are shown has changed."""
        return self.news == other.news

    @property
    def news(self) -> tuple[Any, ...]:
        """Everything but when and why."""
        still_open = self.closed and self.state == State.OPEN
        numbers = (self.progress, self.observed, self.target)
        return (self.state, self.verdict, *numbers, self.evidence, self.waiting, still_open)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person decided about a reading, from ``cause.moment`` on. ``open`` takes a decision back."""

    outcome: str
    by: str
    why: str | None
    cause: Cause


class Words:
    """Conditions and rows of one reading in words, each made once."""

    def __init__(self, definition: Definition, reading: Reading) -> None:
        self._words = {name: condition.words for name, condition in definition.conditions.items()}
        self._words |= {
            IN_WINDOW: window_in_words(definition.window(reading)),
            GROUP_KNOWN: "it is known whose it is",
            AMOUNT_KNOWN: "the number is stated",
            AFTER_FIRST: "the same series has shown the first step",
        }
        self._rows: dict[Candidate, Item] = {}
        self._items: dict[tuple[Candidate, tuple[str, ...]], Item] = {}

    def row(self, row: Candidate) -> Item:
        """A row as evidence."""
        if row not in self._rows:
            self._rows[row] = row.as_json()
        return self._rows[row]

    def waiting(self, item: Waiting) -> Item:
        """A row that would count but for something, and what that is."""
        key = (item.row, item.conditions)
        if key not in self._items:
            conditions = [{"name": name, "words": self._words.get(name, name)} for name in item.conditions]
            kind = "near miss" if item.near_miss else "unknown"
            self._items[key] = {**self.row(item.row), "kind": kind, "conditions": conditions}
        return self._items[key]


def window_in_words(window: Window) -> str:
    """``it happened between 2026-04-17 and 2027-04-17``"""
    if window.from_ and window.to:
        return f"it happened between {window.from_} and {window.to}"
    return f"it happened by {window.to}" if window.to else f"it happened on {window.from_} or later"


def state_of(definition: Definition, reading: Reading, measure: Measure, *, closed: bool) -> State:
    """The state that the criterion and the calendar give; annulment and people's decisions come on top."""
    if definition.is_late(reading):
        return State.LATE
    if measure.met:
        return State.MET
    if not closed:
        return State.OPEN
    if measure.met is False:
        return State.MISSED
    # Missing facts may still come; where nothing is there to wait for, nobody can say.
    return State.OPEN if measure.waits_for_facts else State.UNRESOLVABLE


def sentence(measure: Measure, state: State, reading: Reading, *, closed: bool) -> str:
    """One sentence for people."""
    text = measure.words
    facts = sum(not item.near_miss for item in measure.waiting)
    near = len(measure.waiting) - facts
    if facts and not measure.met:
        text += f"; {facts} {'event waits' if facts == 1 else 'events wait'} for facts"
    if near and not measure.met:
        text += f"; {near} near {'miss' if near == 1 else 'misses'}"
    if state is State.LATE:
        text += f"; the deadline, {reading.deadline}, had passed when the prediction was made"
    elif closed and state is not State.MET:
        text += f"; the deadline, {reading.deadline}, has passed"
    return text + "."
