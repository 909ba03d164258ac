"""From changes to alerts: each milestone is told once, and taken back when it no longer holds.

What is told is a function of the history alone: the same history gives the same alerts with the same keys, however
often it is evaluated, so the outbox can drop what it has already.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from predictions.definition import Definition, Milestone, Reading
from predictions.evaluate import Change
from predictions.standing import Standing, State
from schemas.alerts import Alert

FIRST_EVIDENCE: Final = "first evidence"
PROGRESS: Final = "progress"
RETRACTED: Final = "retracted"

_ANNULLED: Final = Milestone(name="annulled", state="annulled")


@dataclass(frozen=True, slots=True)
class Telling:
    """A milestone that was reached, or lost again, for the n-th time."""

    milestone: Milestone
    occurrence: int
    reached: bool
    standing: Standing

    @property
    def name(self) -> tuple[str, int, bool]:
        return self.milestone.name, self.occurrence, self.reached


def alerts_of(changes: Iterable[Change]) -> tuple[Alert, ...]:
    """What people are to be told about these changes, in order."""
    return tuple(_alert(change, telling) for change in changes for telling in _tellings(change))


def _tellings(change: Change) -> Iterator[Telling]:
    """What the new history tells and the old one did not; and what the old one told that never became true."""
    told = {telling.name: telling for telling in tellings(change.reading, change.before)}
    now = tellings(change.reading, change.history)
    names = {telling.name for telling in now}
    for name, telling in told.items():
        lost = (*name[:2], False)
        if telling.reached and name not in names and lost not in told:
            yield Telling(telling.milestone, telling.occurrence, reached=False, standing=change.history[-1])
    yield from (telling for telling in now if telling.name not in told)


def tellings(reading: Reading, history: Iterable[Standing]) -> list[Telling]:
    """Everything that a history tells. Of what one event reaches at once only the foremost is told."""
    found: list[Telling] = []
    holding: dict[str, bool] = {}
    """Milestones that hold now, and whether that was told."""
    occurrences: dict[str, int] = {}
    for standing in history:
        reached = []
        for milestone in _milestones(reading):
            holds = _holds(milestone, standing)
            if holds and milestone.name not in holding:
                reached.append(milestone)
            elif not holds and holding.pop(milestone.name, False):
                found.append(Telling(milestone, occurrences[milestone.name], reached=False, standing=standing))
        foremost = max(reached, key=_rank, default=None)
        for milestone in reached:
            holding[milestone.name] = milestone is foremost
        if foremost is not None:
            occurrences[foremost.name] = occurrences.get(foremost.name, 0) + 1
            found.append(Telling(foremost, occurrences[foremost.name], reached=True, standing=standing))
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


def _alert(change: Change, telling: Telling) -> Alert:
    standing = telling.standing
    return Alert(
        key=alert_key(change.definition, change.reading, telling, change.revision),
        prediction=change.definition.id,
        reading=change.reading.id,
        kind=_kind(telling),
        milestone=telling.milestone.name,
        title=_title(change, telling),
        state=standing.state,
        progress=standing.progress,
        known_at=standing.known_at,
        evidence=standing.evidence,
    )


def alert_key(definition: Definition, reading: Reading, telling: Telling, revision: int) -> str:
    """The same milestone of the same version and revision has the same key, whichever event brought it.

    A later revision of a history (its past has changed) may give again what an earlier one took back: that must be
    told again, and would otherwise have the key that was told before. What still holds is not told anew.
    """
    name, occurrence, reached = telling.name
    told = (name, str(occurrence), "" if reached else RETRACTED)
    parts = (definition.id, str(definition.version), reading.id, str(revision), *told)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _title(change: Change, telling: Telling) -> str:
    about = f"{change.definition.title} ({change.reading.id})"
    if telling.reached:
        return f"{about}: {telling.milestone.name}. {telling.standing.detail}"
    return f"{about}: '{telling.milestone.name}' no longer holds. {telling.standing.detail}"
