"""What changed between two days: of each reading the state, the progress, the evidence, and the events that did it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import duckdb

from predictions.audit import Said, declaration, gained, said_at
from predictions.citations import citations, cited, identities_in
from predictions.past import Point

Row = dict[str, Any]

_NEWS: Final = ("state", "verdict", "progress", "observed", "target", "version", "evidence", "waiting")
"""What people are shown of a standing."""


def differences(
    connection: duckdb.DuckDBPyConnection, before: Point, after: Point, ids: Iterable[str] | None = None
) -> list[Row]:
    """A row for each reading of which something else was said at ``after`` than at ``before``.

    ``moved_by`` has the steps between the two, in order, each with its cause and what it gained and lost. Where
    ``past_differs``, they do not explain everything: what was said at ``before`` would today not be said of that time
    (a retraction was itself retracted, or the definition is a newer version). ``version`` and ``declared_...`` are of
    the text that was in force at ``before``.
    """
    chosen = None if ids is None else list(ids)
    earlier = {said.definition.id: said for said in said_at(connection, before, chosen)}
    rows = [
        row
        for said in said_at(connection, after, chosen)
        for reading in said.definition.readings
        if (row := _row(earlier[said.definition.id], said, reading.id, before)) is not None
    ]
    items = [item for row in rows for item in _items(row)]
    known = citations(connection, identities_in(items))
    for row in rows:
        for part in (row, *row["moved_by"]):
            part |= {name: [cited(item, known) for item in part[name]] for name in ("gained", "lost")}
            if part.get("cause"):
                part["cause"] = cited(part["cause"], known)
    return rows


def _row(earlier: Said, later: Said, reading: str, before: Point) -> Row | None:
    then, now = _last(earlier.steps.get(reading, ())), _last(later.steps[reading])
    if all(then.get(name) == now.get(name) for name in _NEWS):
        return None
    steps = later.steps[reading]
    base = _last([step for step in steps if step["known_at"] <= before.known])
    return {
        "id": later.definition.id,
        "reading": reading,
        "title": later.definition.title,
        "version": earlier.text.version,
        **declaration(earlier.text, earlier.definition, before),
        "before": _summary(then),
        "after": _summary(now),
        "gained": gained(now.get("evidence", ()), then.get("evidence", ())),
        "lost": gained(then.get("evidence", ()), now.get("evidence", ())),
        "moved_by": [_moving(step) for step in steps if step["known_at"] > before.known],
        "past_differs": any(base.get(name) != then.get(name) for name in _NEWS),
    }


def _last(steps: Sequence[Row]) -> Row:
    return steps[-1] if steps else {}


def _summary(step: Row) -> Row | None:
    """A standing without its lists; None before the prediction was made."""
    return {name: value for name, value in step.items() if not isinstance(value, list)} or None


def _moving(step: Row) -> Row:
    """A step without what stayed as it was."""
    return {name: value for name, value in step.items() if name not in ("evidence", "waiting")}


def _items(row: Row) -> Iterable[Row | None]:
    for part in (row, *row["moved_by"]):
        yield from (part.get("cause"), *part["gained"], *part["lost"])
