"""Near misses as alerts: an event that fails one condition of a reading is told once, under the name of both."""

import hashlib
from collections.abc import Iterable, Iterator

from predictions.evaluate import Change
from predictions.standing import Item, Standing
from schemas.alerts import Alert

NEAR_MISS = "near miss"

_Name = tuple[str, str, str]
"""Source and id of the event, and the condition that fails."""


def near_misses_of(change: Change) -> Iterator[Alert]:
    """The near misses that a changed history shows and the stored one did not. A history follows from the events, so
    batches leave no trace in what is told in all. The lists keep the first 20, so no more of them are told.
    """
    seen = {name for standing in change.before for name, _ in _near_misses(standing)}
    for standing in change.history:
        for name, item in _near_misses(standing):
            if name not in seen:
                seen.add(name)
                yield _alert(change, standing, name, item)


def _near_misses(standing: Standing) -> Iterator[tuple[_Name, Item]]:
    return ((_name(item), item) for item in standing.waiting if item["kind"] == NEAR_MISS)


def _name(item: Item) -> _Name:
    return item["source"], item["id"], _joined(item["conditions"], "name")


def _joined(conditions: Iterable[Item], field: str) -> str:
    return ", ".join(str(condition[field]) for condition in conditions)


def _alert(change: Change, standing: Standing, name: _Name, item: Item) -> Alert:
    definition, reading = change.definition, change.reading
    parts = (NEAR_MISS, definition.id, str(definition.version), reading.id, *name)
    words = _joined(item["conditions"], "words")
    return Alert(
        key=hashlib.sha256("\x1f".join(parts).encode()).hexdigest(),
        prediction=definition.id,
        reading=reading.id,
        version=definition.version,
        kind=NEAR_MISS,
        milestone=NEAR_MISS,
        title=f"{definition.title} ({reading.id}): near miss by '{item['title']}'. It does not hold that: {words}.",
        state=standing.state,
        progress=standing.progress,
        known_at=standing.known_at,
        evidence=(item,),
    )
