"""What an auditor asks: what did the tracker say then, which event moved it, and who said so. Reads only.

Each answer is computed from stored events and from the definition that was in force (``predictions.past``,
``predictions.declared``), or is what was stored. Everything is plain values, for the command, dashboards and notebooks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import duckdb

from predictions.citations import citations, cited, identities_in
from predictions.declared import Declared, UnreadableDefinition, declared, in_force, version_of
from predictions.definition import Definition, Reading
from predictions.near import near_misses
from predictions.past import Point, histories, seen_at
from predictions.read import head, judging, line, rows_of
from predictions.standing import Standing
from predictions.values import Judged, judged_rows

Row = dict[str, Any]
Texts = Sequence[Declared]

_STORED: Final = """
SELECT seq, known_at, state, verdict, progress, observed, target, detail, cause, evidence, waiting, version,
    definition_hash AS hash
FROM prediction_states WHERE prediction = ? AND reading = ? AND version = ? ORDER BY seq"""

_REVISIONS: Final = """
SELECT version, revision, superseded_at, seq, known_at, state, verdict, progress, observed, target, detail, cause,
    evidence, waiting, definition_hash AS hash
FROM prediction_revisions WHERE prediction = ? AND reading = ? ORDER BY version, revision, seq"""

NOT_MADE_YET: Final = "not made yet"


def known_predictions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The predictions that were ever declared in this store."""
    return list(declared(connection))


@dataclass(frozen=True, slots=True)
class Said:
    """What a prediction said at a point: of each reading its history until then."""

    text: Declared
    definition: Definition
    steps: Mapping[str, Sequence[Row]]


def said_at(connection: duckdb.DuckDBPyConnection, point: Point, ids: Iterable[str] | None = None) -> list[Said]:
    """Every prediction (or those named) at a point, each by the definition that was in force."""
    found = declared(connection)
    texts = [in_force(found[id], point) for id in (found if ids is None else ids)]
    definitions = [(item, item.definition()) for item in texts]
    pairs = [(definition, reading) for _, definition in definitions for reading in definition.readings]
    computed = histories(connection, pairs, point)
    return [
        Said(item, one, {reading.id: steps_of(computed[one.id, reading.id], item) for reading in one.readings})
        for item, one in definitions
    ]


def list_at(connection: duckdb.DuckDBPyConnection, point: Point, ids: Iterable[str] | None = None) -> list[Row]:
    """A row for each reading, as ``predictions.read.list_predictions`` gives them: what was said at that point."""
    return [
        _row(said.definition, reading, said.text, steps[-1] if steps else {}, point) | when(point)
        for said in said_at(connection, point, ids)
        for reading in said.definition.readings
        for steps in [said.steps[reading.id]]
    ]


def story(
    connection: duckdb.DuckDBPyConnection, id: str, point: Point, *, version: int | None = None, stored: bool = False
) -> Row:
    """One prediction with its readings, their histories, and the ledger of what each state rests on.

    Where ``stored``, the histories are those that the store holds, of the version in force; else they are computed.
    Raises KeyError for a prediction or a version that is not declared, and UnreadableDefinition.
    """
    item = _text(declared(connection), id, point, version)
    definition = item.definition()
    steps = _steps(connection, definition, item, point, stored=stored)
    with seen_at(connection, point):
        judged = judged_rows(connection, definition, definition.readings)
    everything = [one for reading in steps.values() for step in reading for one in _items(step)]
    known = citations(connection, identities_in(everything))
    readings = []
    for reading in definition.readings:
        values = _values(judged[reading.id])
        history = [_cited(step, known, values) for step in steps[reading.id]]
        row = _row(definition, reading, item, history[-1] if history else {}, point)
        readings.append(row | judging(definition, reading) | {"history": history})
    return (
        head(definition, item.version, item.hash)
        | when(point)
        | declaration(item, definition, point)
        | {"readings": readings}
    )


def revisions(connection: duckdb.DuckDBPyConnection, id: str, reading: str) -> list[Row]:
    """Superseded histories of a reading: what this installation said before the past turned out differently."""
    rows = rows_of(connection, _REVISIONS, [id, reading])
    known = citations(connection, identities_in(one for row in rows for one in _items(row)))
    found: dict[tuple[int, int], Row] = {}
    for row in rows:
        key = (row["version"], row["revision"])
        about = {name: row.pop(name) for name in ("revision", "superseded_at")}
        found.setdefault(key, {"version": row["version"], "hash": row["hash"], **about, "history": []})
        found[key]["history"].append(row)
    for revision in found.values():
        revision["history"] = [_cited(row, known, {}) for row in _with_differences(revision["history"])]
    return list(found.values())


def near(connection: duckdb.DuckDBPyConnection, id: str, point: Point, reading: str | None = None) -> list[Row]:
    """Near misses of each reading, and events that wait for exactly one fact; see ``predictions.near``."""
    item = _text(declared(connection), id, point, None)
    definition = item.definition()
    chosen = [definition.reading(reading)] if reading else definition.readings
    with seen_at(connection, point):
        judged = judged_rows(connection, definition, chosen)
    found = [(one, near_misses(definition, one, judged[one.id])) for one in chosen]
    known = citations(connection, identities_in(row for _, rows in found for row in rows))
    return [
        {
            "id": definition.id,
            "reading": one.id,
            "title": definition.title,
            "version": item.version,
            "hash": item.hash,
            **declaration(item, definition, point),
            **when(point),
            "near_misses": [cited(row, known) for row in rows if row["kind"] == "near miss"],
            "waiting_for_one_fact": [cited(row, known) for row in rows if row["kind"] == "unknown"],
        }
        for one, rows in found
    ]


def versions(connection: duckdb.DuckDBPyConnection, id: str, point: Point) -> list[Row]:
    """Every declared version side by side: when it was declared, how it judges, and what it says at that point.

    A text that the language has outgrown has ``unreadable`` instead of ``readings``. Raises KeyError.
    """
    texts = declared(connection).get(id)
    if texts is None:
        raise KeyError(f"no prediction {id!r} is declared in this store")
    rows = []
    for version in dict.fromkeys(item.version for item in texts):
        item = version_of(texts, version)
        first = next(text.declared_at for text in texts if text.version == version)
        row: Row = {"id": id, "version": version, "hash": item.hash, "first_declared_at": first}
        try:
            rows.append(row | {"unreadable": None} | _version(connection, item, point))
        except UnreadableDefinition as error:
            rows.append(row | {"unreadable": str(error), "readings": []})
    return rows


def _version(connection: duckdb.DuckDBPyConnection, item: Declared, point: Point) -> Row:
    definition = item.definition()
    steps = _steps(connection, definition, item, point, stored=False)
    readings = [
        _row(definition, reading, item, found[-1] if (found := steps[reading.id]) else {}, point)
        | judging(definition, reading)
        for reading in definition.readings
    ]
    return {"title": definition.title, **declaration(item, definition, point), **when(point), "readings": readings}


def when(point: Point) -> Row:
    """The two times that an answer is about."""
    return {"as_of": point.as_of, "known": point.known, "clock": point.clock.removesuffix("_at")}


def steps_of(history: Iterable[Standing], item: Declared) -> list[Row]:
    """Standings as rows, each with the definition that judged, and the evidence that it gained and lost."""
    rows = []
    for seq, standing in enumerate(history):
        row = asdict(standing)
        del row["closed"]
        row |= {name: list(row[name]) for name in ("evidence", "waiting")}
        rows.append({"seq": seq, **row, "version": item.version, "hash": item.hash})
    return _with_differences(rows)


def gained(after: Iterable[Row], before: Iterable[Row]) -> list[Row]:
    """Evidence that was not there before."""
    known = {_name(item) for item in before}
    return [item for item in after if _name(item) not in known]


def _name(item: Row) -> tuple[Any, ...]:
    return item["source"], item["id"], item.get("group"), item.get("entity"), item.get("value")


def _with_differences(rows: list[Row]) -> list[Row]:
    before: list[Row] = []
    for row in rows:
        row["gained"], row["lost"] = gained(row["evidence"], before), gained(before, row["evidence"])
        before = row["evidence"]
    return rows


def _text(found: Mapping[str, Texts], id: str, point: Point, version: int | None) -> Declared:
    if id not in found:
        raise KeyError(f"no prediction {id!r} is declared in this store")
    return version_of(found[id], version) if version is not None else in_force(found[id], point)


def _steps(
    connection: duckdb.DuckDBPyConnection, definition: Definition, item: Declared, point: Point, *, stored: bool
) -> dict[str, list[Row]]:
    """The history of each reading."""
    if stored:
        return {
            reading.id: _with_differences(rows_of(connection, _STORED, [definition.id, reading.id, item.version]))
            for reading in definition.readings
        }
    computed = histories(connection, [(definition, reading) for reading in definition.readings], point)
    return {reading: steps_of(history, item) for (_, reading), history in computed.items()}


def _row(definition: Definition, reading: Reading, item: Declared, last: Row, point: Point) -> Row:
    row = line(definition, reading, item.version, item.hash, last)
    if point.now < definition.declared_at:
        row |= {"state": NOT_MADE_YET, "detail": f"The prediction was made on {definition.made_on}."}
    return row | declaration(item, definition, point)


def declaration(item: Declared, definition: Definition, point: Point) -> Row:
    """When this store recorded the text that judges, and what that means for the answer.

    ``judged_otherwise``: the same text judges otherwise today, since a helper view that it reads has changed.
    """
    later = point.clock == "known_at" and item.declared_at > point.known
    return {"declared_at": item.declared_at, "declared_later": later, "judged_otherwise": item.hash != definition.hash}


def _values(judged: Iterable[Judged]) -> dict[tuple[Any, ...], Row]:
    """The values that the rows which hold were judged by, by identity, group and entity."""
    return {
        (item.row.source, item.row.id, item.row.group, item.row.entity): item.all_values
        for item in judged
        if item.row.holds
    }


def _items(step: Row) -> Iterator[Row | None]:
    yield step["cause"]
    yield from step["evidence"]
    yield from step["waiting"]
    yield from step.get("lost", ())


def _cited(step: Row, known: Mapping[tuple[str, str], Row], values: Mapping[tuple[Any, ...], Row]) -> Row:
    """A step with its sources: of its cause, and of each piece of evidence with the values that it was judged by."""

    def whole(item: Row) -> Row:
        judged = values.get((item["source"], item["id"], item.get("group"), item.get("entity")))
        return cited(item, known) | ({"values": judged} if judged else {})

    lists = {name: [whole(item) for item in step[name]] for name in ("evidence", "gained", "lost")}
    lists["waiting"] = [cited(item, known) for item in step["waiting"]]
    return step | lists | {"cause": cited(step["cause"], known) if step["cause"] else None}
