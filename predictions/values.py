"""The values behind each condition: the columns that its SQL names, as they stand in the row that was judged."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb

from predictions.candidates import Candidate
from predictions.criteria import Leaf, Sql
from predictions.criterion import compile_leaf, compile_reading, run, shared
from predictions.definition import AMOUNT_KNOWN, GROUP_KNOWN, IN_WINDOW, Definition, Path, Reading

_PREFIX: Final = "column "
"""Of the names under which columns are asked for, beside what the definition itself shows."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row, and for each of its conditions the values that it was judged by."""

    leaf: Leaf
    row: Candidate
    values: dict[str, dict[str, Any]]

    @property
    def all_values(self) -> dict[str, Any]:
        """Of all conditions together."""
        return {column: value for columns in self.values.values() for column, value in columns.items()}


def judged_rows(
    connection: duckdb.DuckDBPyConnection, definition: Definition, readings: Iterable[Reading]
) -> dict[str, list[Judged]]:
    """Of each reading every row that holds, waits for facts or fails one condition, with the values behind each."""
    readings = tuple(readings)
    queries = [query for reading in readings for query in compile_reading(definition, reading)]
    # Each view is read twice at least: once for its columns.
    with shared(connection, (*queries, *queries)):
        return {
            reading.id: [
                item
                for path, leaf in reading.criterion.leaves(("criterion",))
                for item in _rows(connection, definition, reading, path, leaf)
            ]
            for reading in readings
        }


def _rows(
    connection: duckdb.DuckDBPyConnection, definition: Definition, reading: Reading, path: Path, leaf: Leaf
) -> Iterator[Judged]:
    source = f"({leaf.query})" if isinstance(leaf, Sql) else leaf.view
    known = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    columns = {
        name: [column for column in columns_in(connection, sql) if column.split(".")[0] in known]
        for name, sql in _expressions(definition, leaf)
    }
    asked = {_PREFIX + column: column for names in columns.values() for column in names}
    query = compile_leaf(definition, reading, path, leaf.model_copy(update={"show": {**leaf.show, **asked}}))
    for row in run(connection, query):
        values = {name: {column: row.shown[_PREFIX + column] for column in names} for name, names in columns.items()}
        days = {"occurred_on": row.occurred_on.isoformat(), "occurred_until": row.occurred_until.isoformat()}
        values[IN_WINDOW] = days if row.occurred_on != row.occurred_until else {"occurred_on": days["occurred_on"]}
        shown = {name: value for name, value in row.shown.items() if not name.startswith(_PREFIX)}
        yield Judged(leaf, replace(row, shown=shown), values)


def _expressions(definition: Definition, leaf: Leaf) -> Iterator[tuple[str, str]]:
    """The SQL behind each condition that a row of this selection is judged by."""
    for name in leaf.where:
        yield name, definition.conditions[name].sql
    if leaf.group:
        yield GROUP_KNOWN, leaf.group
    if leaf.amount:
        yield AMOUNT_KNOWN, leaf.amount


def columns_in(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The columns that an SQL expression names, in its order, as DuckDB's own parser reads it; ``orgs.name`` too."""
    ((text,),) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT ({sql}) FROM t"]).fetchall()
    return list(dict.fromkeys(_columns(json.loads(text), frozenset())))


def _columns(node: Any, bound: frozenset[str]) -> Iterator[str]:
    """Column references in a syntax tree; names that a lambda binds are none."""
    if isinstance(node, list):
        for item in node:
            yield from _columns(item, bound)
    elif isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            names = node["column_names"]
            if names[0] not in bound:
                yield ".".join(names)
        elif node.get("class") == "LAMBDA":
            yield from _columns(node["expr"], bound | set(_columns(node["lhs"], frozenset())))
        else:
            for item in node.values():
                yield from _columns(item, bound)
