"""Many selections of one view as a single statement: what each row is to each of them.

Planning a query costs DuckDB milliseconds, and judging a thousand rows by one condition some microseconds. So hundreds
of selections become the columns of one statement that is planned once; what several of them ask is asked once. Rows
are sorted out by columns too: one that says nothing to a selection never becomes an object.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from predictions.candidates import Candidate
from predictions.criterion import COMMON_COLUMNS, NOTHING, Body, Query, candidate_of, common_columns

_names: Final = count(1)

_FALSE, _TRUE, _UNKNOWN, _NOT_ASKED = range(4)
"""What a condition says about a row; not asked where the row is none that the selection looks at."""

_VERDICTS: Final = (False, True, None)


@dataclass(frozen=True, slots=True)
class Reader:
    """A selection and whose it is: prediction and reading."""

    key: tuple[str, str]
    query: Query


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the answers to a selection stand among the columns of the statement."""

    every_row: bool
    near_unknown: bool
    rows: int
    conditions: tuple[int, ...]
    values: tuple[int | None, int | None, int | None, int | None]
    readers: tuple[Reader, ...]


class Bundle:
    """The selections of one view, prepared on one connection. Raises duckdb.Error where one cannot be planned.

    Unless ``guarded``, each expression is asked of every row, and once for all selections that have it; it may then
    fail on a row that the selection does not look at.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, view: str, readers: Sequence[Reader], *, guarded: bool = False
    ) -> None:
        self.readers: Final = tuple(readers)
        self.guarded: Final = guarded
        self._connection = connection
        self._name = f"bundle_{next(_names)}"
        columns = _Columns(guarded)
        self._asked = tuple(_asked(body, same, columns) for body, same in _by_body(readers).items())
        if readers:
            connection.execute(f"PREPARE {self._name} AS {_sql(connection, view, tuple(columns.places))}")

    def run(self) -> Iterator[tuple[Reader, Candidate]]:
        """What the rows of the view are to the selections: evidence, waiting, near misses. Raises duckdb.Error."""
        if not self.readers:
            return
        table = self._connection.execute(f"EXECUTE {self._name}").to_arrow_table()
        if not table.num_rows:
            return
        answers = table.columns[len(COMMON_COLUMNS) :]
        known: dict[int, NDArray[np.int8]] = {}

        def verdicts(column: int) -> NDArray[np.int8]:
            if column not in known:
                known[column] = answers[column].to_numpy()
            return known[column]

        commons: dict[int, list[Any]] = {}
        for asked in self._asked:
            places = _places(asked, verdicts)
            if not places.size:
                continue
            judged = [verdicts(column)[places].tolist() for column in asked.conditions]
            values = [
                [None] * places.size if column is None else answers[column].take(places).to_pylist()
                for column in asked.values
            ]
            for index, place in enumerate(places.tolist()):
                if place not in commons:
                    commons[place] = [table.column(at)[place].as_py() for at in range(len(COMMON_COLUMNS))]
                answered = [value[index] for value in values]
                row = (*commons[place], *answered, [_VERDICTS[one[index]] for one in judged])
                for reader in asked.readers:
                    yield reader, candidate_of(reader.query, row)

    def close(self) -> None:
        """Forget the statement."""
        if self.readers:
            self._connection.execute(f"DEALLOCATE {self._name}")


def _by_body(readers: Sequence[Reader]) -> dict[Body, tuple[Reader, ...]]:
    """Readings differ in few of their selections: what reads the same is judged once."""
    found: dict[Body, tuple[Reader, ...]] = {}
    for reader in readers:
        found[reader.query.body] = (*found.get(reader.query.body, ()), reader)
    return found


class _Columns:
    """Expressions that are asked, each once, in the order of their places."""

    def __init__(self, guarded: bool) -> None:
        self.places: Final[dict[str, int]] = {}
        self._guarded = guarded

    def of(self, sql: str) -> int:
        return self.places.setdefault(sql, len(self.places))

    def guarded(self, body: Body, sql: str, otherwise: str) -> int:
        return self.of(f"CASE WHEN {body.rows} THEN {sql} ELSE {otherwise} END" if self._guarded else sql)


def _asked(body: Body, readers: tuple[Reader, ...], columns: _Columns) -> _Asked:
    def value(sql: str) -> int | None:
        return None if sql == NOTHING else columns.guarded(body, sql, NOTHING)

    return _Asked(
        every_row=body.every_row,
        near_unknown=body.near_unknown,
        rows=columns.of(f"CASE WHEN {body.rows} THEN {_TRUE}::TINYINT ELSE {_NOT_ASKED}::TINYINT END"),
        conditions=tuple(columns.guarded(body, _verdict(sql), f"{_NOT_ASKED}::TINYINT") for sql in body.conditions),
        values=(value(body.group), value(body.entity), value(body.amount), value(body.shown)),
        readers=readers,
    )


def _verdict(sql: str) -> str:
    return f"coalesce(CAST(CAST({sql} AS BOOLEAN) AS TINYINT), {_UNKNOWN}::TINYINT)"


def _sql(connection: duckdb.DuckDBPyConnection, view: str, columns: Sequence[str]) -> str:
    """The columns of a typed view are read out of JSON: each that is named is read once, others not at all."""
    words = {word.lower() for sql in (*columns, *common_columns(view)) for word in re.findall(r"\w+", sql)}
    there = [row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()]
    named = ", ".join(f'"{name}"' for name in there if name.lower() in words)
    common = ", ".join(f"{sql} AS _common_{place}" for place, sql in enumerate(common_columns(view)))
    asked = ",\n".join(f"{sql} AS _asked_{place}" for place, sql in enumerate(columns))
    return (
        f"WITH rows_of_view AS MATERIALIZED (SELECT {named} FROM {view})\nSELECT {common},\n{asked}\nFROM rows_of_view"
    )


def _places(asked: _Asked, verdicts: Any) -> NDArray[np.intp]:
    """Which rows say something to a selection (``criterion.undecided``)."""
    says = verdicts(asked.rows) == _TRUE
    if not asked.every_row and says.any():
        failing = np.zeros(says.shape, np.int16)
        unknown = np.zeros(says.shape, np.int16)
        for column in asked.conditions:
            failing += verdicts(column) == _FALSE
            unknown += verdicts(column) == _UNKNOWN
        says = says & (failing <= (1 if asked.near_unknown else unknown == 0))
    return np.flatnonzero(says)
