"""From changes to alerts: each milestone is told once, and taken back when it no longer holds.

The tellings of a milestone alternate: reached, no longer holds, reached again. They are numbered, and the number is
part of the idempotency key. A history says what is to be told of it in all; the outbox says how much of that was told.
So a store that was made anew from the log tells nobody anything twice, and gives the same keys.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from predictions.definition import Definition, Milestone, Reading
from predictions.evaluate import Change
from predictions.standing import Standing, State
from schemas.alerts import Alert, ToldKey

FIRST_EVIDENCE: Final = "first evidence"
BROKEN: Final = "broken"
PROGRESS: Final = "progress"
RETRACTED: Final = "retracted"

_ANNULLED: Final = Milestone(name="annulled", state="annulled")

_NOTHING_TOLD: Final[Mapping[ToldKey, int]] = {}


@dataclass(frozen=True, slots=True)
class Telling:
    """A milestone that was reached, or lost again."""

    milestone: Milestone
    reached: bool
    standing: Standing


@dataclass(slots=True)
class Course:
    """What a history tells of one milestone, in order, and whether it holds at its end."""

    tellings: list[Telling] = field(default_factory=list)
    holds: bool = False


def alerts_of(changes: Iterable[Change], told: Mapping[ToldKey, int] = _NOTHING_TOLD) -> tuple[Alert, ...]:
    """What people are to be told about these changes, in order.

    ``told`` says how often each milestone was told already (``sinks.alerts.told``).
    """
    return tuple(
        alert for change in changes for alert in ((_broken(change, told),) if change.fault else _tell(change, told))
    )


def _tell(change: Change, told: Mapping[ToldKey, int]) -> Iterator[Alert]:
    return (_alert(change, number, telling) for number, telling in _untold(change, told))


def _broken(change: Change, told: Mapping[ToldKey, int]) -> Alert:
    """Its SQL failed on the events that came: nobody judges it until it is mended."""
    number = told.get((*_reading_of(change), BROKEN), 0) + 1
    last = change.history[-1] if change.history else None
    return Alert(
        key=alert_key(change.definition, change.reading, BROKEN, number),
        prediction=change.definition.id,
        reading=change.reading.id,
        version=change.definition.version,
        kind=BROKEN,
        milestone=BROKEN,
        telling=number,
        title=f"{change.definition.title} ({change.reading.id}): broken, and judged no more. {change.fault}",
        state=last.state if last else State.OPEN,
        progress=last.progress if last else 0.0,
        known_at=last.known_at if last else change.definition.declared_at,
        evidence=(),
    )


def _untold(change: Change, told: Mapping[ToldKey, int]) -> Iterator[tuple[int, Telling]]:
    """What the history tells beyond what was told, in its order; each with its number."""
    found: list[tuple[int, Telling]] = []
    known = {
        name: count
        for (*reading, name), count in told.items()
        if tuple(reading) == _reading_of(change) and name != BROKEN
    }
    courses = courses_of(change.reading, change.history)
    for name in {**courses, **known}:
        course, before = courses.get(name, Course()), known.get(name, 0)
        if before <= len(course.tellings):
            found += [(number, telling) for number, telling in enumerate(course.tellings, 1) if number > before]
        else:
            found += [(before + 1, telling) for telling in _turned(change, name, course, before)]
    # By the time of what is told; what was lost goes before what was reached at the same time.
    places = {id(standing): place for place, standing in enumerate(change.history)}
    yield from sorted(found, key=lambda item: (places[id(item[1].standing)], item[1].reached))


def _turned(change: Change, name: str, course: Course, told: int) -> Iterator[Telling]:
    """More was told than the history tells, because the past turned out differently: what must be set right?"""
    told_as_reached = told % 2 == 1
    last = course.tellings[-1] if course.tellings else None
    if told_as_reached and not course.holds:
        milestone = next((one for one in _milestones(change.reading) if one.name == name), None)
        # A milestone that the definition has no more is neither kept nor lost.
        if milestone is not None:
            yield last or Telling(milestone, reached=False, standing=change.history[-1])
    elif not told_as_reached and course.holds and last is not None and last.reached:
        yield last


def _reading_of(change: Change) -> tuple[str, str, int]:
    return change.definition.id, change.reading.id, change.definition.version


def courses_of(reading: Reading, history: Iterable[Standing]) -> dict[str, Course]:
    """Everything that a history tells, by milestone. Of what one event reaches at once only the foremost is told."""
    found: dict[str, Course] = {}
    quietly: set[str] = set()
    """Milestones that hold although nobody was told, since more was reached at once."""
    for standing in history:
        reached = []
        for milestone in _milestones(reading):
            course, holds = found.setdefault(milestone.name, Course()), _holds(milestone, standing)
            if holds and not course.holds:
                reached.append(milestone)
            elif course.holds and not holds and milestone.name not in quietly:
                course.tellings.append(Telling(milestone, reached=False, standing=standing))
            course.holds = holds
        quietly.intersection_update(name for name, course in found.items() if course.holds)
        foremost = max(reached, key=_rank, default=None)
        quietly.update(milestone.name for milestone in reached if milestone is not foremost)
        if foremost is not None:
            found[foremost.name].tellings.append(Telling(foremost, reached=True, standing=standing))
    return found


def _milestones(reading: Reading) -> Iterator[Milestone]:
    """Those of the reading; an annulment is always told."""
    yield from reading.milestones
    if all(milestone.state != _ANNULLED.state for milestone in reading.milestones):
        yield _ANNULLED


def _holds(milestone: Milestone, standing: Standing) -> bool:
    if milestone.state is not None:
        return standing.state == milestone.state
    if standing.state == State.ANNULLED:
        return False
    return standing.progress > 0 if milestone.progress == 0 else standing.progress >= (milestone.progress or 0)


def _rank(milestone: Milestone) -> tuple[int, float]:
    """A state says more than the first evidence, and that more than a progress."""
    if milestone.state is not None:
        return 2, 0.0
    return (1, 0.0) if milestone.progress == 0 else (0, milestone.progress or 0.0)


def _kind(telling: Telling) -> str:
    if not telling.reached:
        return RETRACTED
    if telling.milestone.state is not None:
        return telling.milestone.state
    return FIRST_EVIDENCE if telling.milestone.progress == 0 else PROGRESS


def _alert(change: Change, number: int, telling: Telling) -> Alert:
    standing = telling.standing
    return Alert(
        key=alert_key(change.definition, change.reading, telling.milestone.name, number),
        prediction=change.definition.id,
        reading=change.reading.id,
        version=change.definition.version,
        kind=_kind(telling),
        milestone=telling.milestone.name,
        telling=number,
        title=_title(change, telling),
        state=standing.state,
        progress=standing.progress,
        known_at=standing.known_at,
        evidence=standing.evidence,
    )


def alert_key(definition: Definition, reading: Reading, milestone: str, number: int) -> str:
    """The n-th telling of a milestone has the same key, whichever event brought it and whoever works it out."""
    parts = (definition.id, str(definition.version), reading.id, milestone, str(number))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _title(change: Change, telling: Telling) -> str:
    about = f"{change.definition.title} ({change.reading.id})"
    if telling.reached:
        return f"{about}: {telling.milestone.name}. {telling.standing.detail}"
    return f"{about}: '{telling.milestone.name}' no longer holds. {telling.standing.detail}"
