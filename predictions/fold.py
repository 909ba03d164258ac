"""From rows to history: what was known, moment by moment, and what each reading said then.

The history is a function of the rows, ordered by what was known when; how they arrived leaves no trace in it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Final, Literal

from predictions.candidates import Candidate, Cause, Moment
from predictions.definition import Definition, Reading
from predictions.measure import Tally
from predictions.standing import VERDICTS, Resolution, Standing, State, Words, sentence, state_of
from predictions.tree import tally_of

Identity = tuple[str, str]
Clock = Literal["known_at", "reported_at"]
"""``known_at`` for audits (what the tracker said), ``reported_at`` for backtests (what could be known)."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event that corrects or retracts others."""

    cause: Cause
    reported_at: datetime
    targets: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """All corrections and retractions: who ended what."""

    by_target: Mapping[Identity, Sequence[Change]] = field(default_factory=dict)
    roots: Mapping[Identity, Identity] = field(default_factory=dict)
    """What a correction corrects: it ends with a later correction, or with a retraction, of the same event."""

    def ending(self, row: Candidate) -> Change | None:
        """The change that took a row back; None when no single event did."""
        names = [(row.source, row.id), *row.also]
        names += [self.roots[name] for name in names if name in self.roots]
        found = [
            change
            for name in names
            for change in self.by_target.get(name, ())
            if change.cause.moment.known_at == row.ended_at
        ]
        return min(found, key=lambda change: change.cause.moment, default=None)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a reading at a moment."""

    moment: Moment
    action: Literal["add", "drop", "resolve", "close", "declare"]
    cause: Cause | None = None
    row: Candidate | None = None
    resolution: Resolution | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """Order of application: rows of one moment by name, since SQL gives them in any order."""
        return self.moment, self.action, self.row.name if self.row else ()


def steps_of(
    rows: Iterable[Candidate], changes: Changes, resolutions: Iterable[Resolution], clock: Clock = "known_at"
) -> list[Step]:
    """What events and people's decisions do to a reading, in any order."""
    found = [Step(made.cause.moment, "resolve", made.cause, resolution=made) for made in resolutions]
    for row in rows:
        began = _at(row.began, row.reported_at, clock)
        change = changes.ending(row) if row.ended_at else None
        ended = None
        if change:
            ended = _at(change.cause.moment, change.reported_at, clock)
        elif row.ended_at:
            ended = Moment(row.ended_at)
        if ended and ended <= began:
            continue  # It was taken back before it was known.
        found.append(Step(began, "add", row.cause, row))
        if ended:
            found.append(Step(ended, "drop", change.cause if change else None, row))
    return found


def _at(moment: Moment, reported_at: datetime, clock: Clock) -> Moment:
    if clock == "known_at":
        return moment
    return Moment(reported_at, moment.rank, moment.topic, moment.partition, moment.offset)


def fold(
    definition: Definition, reading: Reading, steps: Iterable[Step], now: datetime, as_of: date | None = None
) -> tuple[Standing, ...]:
    """The history of a reading: one standing for each change of what people are shown.

    ``as_of`` leaves out what happened in the world after that day.
    """
    course = Course(definition, reading)
    seen = (step for step in steps if as_of is None or step.row is None or step.row.occurred_on <= as_of)
    return tuple(course.follow((*calendar(definition, reading, now), *seen)))


def calendar(definition: Definition, reading: Reading, now: datetime) -> Iterator[Step]:
    """What happens without any event."""
    yield Step(Moment(definition.declared_at, Moment.DECLARED), "declare")
    if reading.closes_at <= now:
        yield Step(Moment(reading.closes_at, Moment.DEADLINE), "close")


OUTCOMES: Final = frozenset({State.MET, State.MISSED, State.ANNULLED, State.UNRESOLVABLE})


class Course:
    """A reading on its way through the moments."""

    def __init__(self, definition: Definition, reading: Reading) -> None:
        self._definition = definition
        self._reading = reading
        self._words = Words(definition, reading)
        self._closed = False
        self._resolution: Resolution | None = None
        self._tallies: dict[str, Tally] = {
            str(path[0]): tally_of(criterion, path) for path, criterion in reading.criteria()
        }

        self.last: Moment | None = None
        """The moment that it has come to: only later ones can follow."""
        self._news: Standing | None = None

    def follow(self, steps: Iterable[Step]) -> Iterator[Standing]:
        """Apply steps that are all later than ``last``, in any order; a standing for each change of the news."""
        ordered = sorted(steps, key=lambda step: step.order)
        for moment, together in groupby(ordered, key=lambda step: step.moment):
            standing = self._advance(moment, list(together))
            self.last = moment
            if self._news is None or not standing.same_news(self._news):
                self._news = standing
                yield standing

    def _advance(self, moment: Moment, steps: list[Step]) -> Standing:
        """Apply everything of one moment, then look."""
        cause = None
        for step in steps:
            cause = cause or step.cause
            if step.row is not None:
                tally = self._tallies[str(step.row.path[0])]
                (tally.add if step.action == "add" else tally.drop)(step.row)
            elif step.resolution is not None:
                self._resolution = step.resolution if step.resolution.outcome in OUTCOMES else None
            elif step.action == "close":
                self._closed = True
        return self._standing(moment.known_at, cause)

    def _standing(self, known_at: datetime, cause: Cause | None) -> Standing:
        measure = self._tallies["criterion"].measure(final=self._closed)
        state = state_of(self._definition, self._reading, measure, closed=self._closed)
        detail = sentence(measure, state, self._reading, closed=self._closed)
        if self._annulled():
            state = State.ANNULLED
            words = self._reading.annulled_if.words if self._reading.annulled_if else ""
            detail = f"Annulled: {words}. {detail}"
        if self._resolution:
            state = State(self._resolution.outcome)
            why = f" ({self._resolution.why})" if self._resolution.why else ""
            detail = f"Resolved as {state} by {self._resolution.by}{why}. {detail}"
        return Standing(
            known_at=known_at,
            state=state.value,
            verdict=VERDICTS[measure.met].value,
            progress=measure.progress,
            observed=measure.observed,
            target=measure.target,
            cause=cause.as_json() if cause else None,
            evidence=tuple(self._words.row(row) for row in measure.evidence),
            waiting=tuple(self._words.waiting(item) for item in measure.waiting),
            detail=detail,
            closed=self._closed,
        )

    def _annulled(self) -> bool:
        tally = self._tallies.get("annulled_if")
        return bool(tally and tally.measure(final=self._closed).met)
