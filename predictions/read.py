"""What is stored about predictions, for the command, the dashboard and notebooks. Reads only; needs no definitions
from files: the store holds the text of every definition that was declared in it."""

import json
from typing import Any, Final

import duckdb

from predictions import store
from predictions.criterion import compile_reading
from predictions.definition import Definition, Reading
from predictions.explain import criterion_sentence
from predictions.standing import State, Verdict

_NOW: Final = """
SELECT prediction, reading, version, definition_hash, known_at, state, verdict, progress, observed, target,
    detail, cause, evidence, waiting
FROM prediction_states
QUALIFY row_number() OVER (PARTITION BY prediction, reading ORDER BY version DESC, seq DESC) = 1"""

_HISTORY: Final = """
SELECT seq, known_at, state, verdict, progress, observed, target, detail, cause, evidence, waiting
FROM prediction_states
WHERE prediction = ? AND reading = ? AND version = ?
ORDER BY seq"""


def list_predictions(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """One row for each reading of each declared prediction: where it stands."""
    now = {(row["prediction"], row["reading"]): row for row in rows_of(connection, _NOW)}
    return [
        line(definition, reading, version, hash, now.get((definition.id, reading.id), {}))
        for version, hash, definition in _declared(connection)
        for reading in definition.readings
    ]


def show(connection: duckdb.DuckDBPyConnection, id: str) -> dict[str, Any]:
    """One prediction as a story: claim, source, and for each reading its criterion in words and SQL, its history, and
    what it waits for. Raises KeyError for a prediction that is not declared."""
    found = next(((v, h, d) for v, h, d in _declared(connection) if d.id == id), None)
    if found is None:
        raise KeyError(f"no prediction {id!r} is declared in this store")
    version, hash, definition = found
    now = {row["reading"]: row for row in rows_of(connection, _NOW) if row["prediction"] == id}
    return head(definition, version, hash) | {
        "readings": [
            line(definition, reading, version, hash, now.get(reading.id, {}))
            | judging(definition, reading)
            | {"history": rows_of(connection, _HISTORY, [id, reading.id, version])}
            for reading in definition.readings
        ],
    }


def head(definition: Definition, version: int, hash: str) -> dict[str, Any]:
    """What is the same for all readings of a prediction."""
    return {
        "id": definition.id,
        "title": definition.title,
        "claim": definition.claim,
        "source": definition.source,
        "made_on": str(definition.made_on),
        "made_on_note": definition.made_on_note,
        "note": definition.note,
        "tags": list(definition.tags),
        "version": version,
        "hash": hash,
    }


def _declared(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str, Definition]]:
    return [
        (version, hash, Definition.model_validate(text))
        for version, hash, text in store.declarations(connection).values()
    ]


def line(definition: Definition, reading: Reading, version: int, hash: str, stored: dict[str, Any]) -> dict[str, Any]:
    """A reading as it stands; before the first evaluation nothing is known about it."""
    state = State.LATE if definition.is_late(reading) else State.OPEN
    unknown: dict[str, Any] = {
        "state": state.value,
        "verdict": Verdict.UNKNOWN.value,
        "progress": 0.0,
        "observed": None,
        "target": None,
        "detail": "not evaluated yet",
        "cause": None,
        "known_at": None,
        "evidence": [],
        "waiting": [],
    }
    # A standing of an older version was judged by other rules.
    current = stored if stored.get("version") == version else {}
    return {
        "id": definition.id,
        "reading": reading.id,
        "title": definition.title,
        "description": reading.description,
        "deadline": reading.deadline,
        "version": version,
        "hash": hash,
    } | {name: current.get(name, default) for name, default in unknown.items()}


def judging(definition: Definition, reading: Reading) -> dict[str, Any]:
    """How a reading is judged, in words and in SQL."""
    return {
        "criterion": criterion_sentence(definition, reading),
        "note": reading.note,
        "sql": "\n\n".join(query.sql for query in compile_reading(definition, reading)),
        "annulled_if": reading.annulled_if.words if reading.annulled_if else None,
    }


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
    """Standings as a query gives them, their lists read."""
    cursor = connection.execute(sql, values or [])
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row.update({name: json.loads(row[name]) for name in ("evidence", "waiting")})
    return rows
