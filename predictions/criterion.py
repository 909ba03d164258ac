"""From a criterion to SQL: one readable query for each selection of rows, and the rows that it returns."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import duckdb

from predictions.candidates import Candidate, Moment
from predictions.criteria import Leaf, Sql
from predictions.definition import AMOUNT_KNOWN, GROUP_KNOWN, IN_WINDOW, Definition, NearMiss, Path, Reading, Window
from predictions.views import helper_views

NOTHING: Final = "NULL"
"""What a selection without a group, an entity, an amount or values to show asks for in their place."""

COMMON_COLUMNS: Final = (
    *("source", "id", "title", "occurred_on", "occurred_until", "url", "began", "ended", "reported"),
    *("input_topic", "input_partition", "input_offset", "also"),
)
"""What every row says about itself."""


def common_columns(view: str) -> tuple[str, ...]:
    """The expressions of ``COMMON_COLUMNS`` over a view."""
    return (
        *("source", "id", "title", "occurred_on", "occurred_until", "urls[1]"),
        *("epoch_us(known_from)", "epoch_us(known_until)", "epoch_us(reported_at)"),
        *("input_topic", "input_partition", "input_offset", "also" if view in helper_views() else "NULL"),
    )


def undecided(conditions: str, *, near_unknown: bool) -> str:
    """SQL: does a row with this list of verdicts say anything?"""
    failing = f"len(list_filter({conditions}, lambda c: NOT c))"
    if near_unknown:
        return f"{failing} <= 1"
    return f"""{failing}
      <= CASE WHEN len(list_filter({conditions}, lambda c: c IS NULL)) = 0 THEN 1 ELSE 0 END"""


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Body:
    """What a selection asks of each row, as SQL expressions over the columns of its view."""

    rows: str
    """Where this is not true the row is not looked at."""
    conditions: tuple[str, ...]
    group: str
    entity: str
    amount: str
    shown: str
    every_row: bool
    near_unknown: bool = False
    """Is a row that fails one condition a near miss where nobody has said of others?"""

    @property
    def expressions(self) -> tuple[str, ...]:
        return (self.rows, *self.conditions, self.group, self.entity, self.amount, self.shown)


@dataclass(frozen=True, slots=True)
class Query:
    """The compiled form of one selection of rows."""

    path: Path
    """Where it stands in the reading."""
    leaf: Leaf
    sql: str
    conditions: tuple[str, ...]
    """Names, in the order of the values in each row."""
    body: Body
    near_miss: NearMiss


def compile_reading(definition: Definition, reading: Reading) -> tuple[Query, ...]:
    """The queries of a reading, one for each selection of rows."""
    window = definition.window(reading)
    return tuple(_query(definition, window, path, leaf) for path, leaf in reading.leaves())


def compile_leaf(definition: Definition, reading: Reading, path: Path, leaf: Leaf) -> Query:
    """The query of one selection, which may be a variant of that of the reading."""
    return _query(definition, definition.window(reading), path, leaf)


@contextmanager
def shared(connection: duckdb.DuckDBPyConnection, queries: Iterable[Query]) -> Iterator[None]:
    """Compute once each helper view that several queries read: planning one costs far more than reading its rows.

    A temporary table of the same name stands in front of the view meanwhile. Where a query fails, the caller's
    rollback removes it.
    """
    readers = Counter(query.leaf.view for query in queries)
    names = [name for name, count in readers.items() if count > 1 and name in helper_views()]
    for name in names:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM main.{name}")
    try:
        yield
    finally:
        for name in names:
            with suppress(duckdb.Error):
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def run(connection: duckdb.DuckDBPyConnection, query: Query) -> tuple[Candidate, ...]:
    """The rows of a query."""
    return tuple(candidate_of(query, row) for row in connection.execute(query.sql).fetchall())


def _query(definition: Definition, window: Window, path: Path, leaf: Leaf) -> Query:
    conditions = dict(_conditions(definition, window, leaf))
    shown = ", ".join(f"{_quoted(name)}: ({sql})" for name, sql in leaf.show.items())
    body = Body(
        rows=_rows(window, leaf),
        conditions=tuple(f"({_indented(sql)})" for sql in conditions.values()),
        group=f"CAST(({leaf.group}) AS VARCHAR)" if leaf.group else NOTHING,
        entity=f"CAST(({leaf.entity}) AS VARCHAR)" if leaf.entity else NOTHING,
        amount=f"CAST(({leaf.amount}) AS DOUBLE)" if leaf.amount else NOTHING,
        shown=f"CAST(to_json({{{shown}}}) AS VARCHAR)" if shown else NOTHING,
        every_row=leaf.every_row,
        near_unknown=definition.near_miss_rule.allow_unknown,
    )
    sql = _sql(leaf, body, tuple(conditions))
    return Query(path, leaf, sql, tuple(conditions), body, definition.near_miss_rule)


def _sql(leaf: Leaf, body: Body, names: tuple[str, ...]) -> str:
    listed = "\n".join(
        f"            {sql}{',' if index < len(names) else ''} -- {name}"
        for index, (name, sql) in enumerate(zip(names, body.conditions, strict=True), 1)
    )
    columns = zip(COMMON_COLUMNS, common_columns(leaf.view), strict=True)
    common = ", ".join(sql if sql == name else f"{sql} AS {name}" for name, sql in columns)
    return f"""WITH candidates AS (
    SELECT
        {common},
        {body.group} AS candidate_group,
        {body.entity} AS candidate_entity,
        {body.amount} AS candidate_value,
        {body.shown} AS shown,
        CAST([
{listed}
        ] AS BOOLEAN[]) AS conditions
    FROM {_source(leaf)}
    WHERE {body.rows}
)
SELECT * FROM candidates{"" if leaf.every_row else _says_something(body)}"""


def _says_something(body: Body) -> str:
    return f"""
-- evidence, waiting for facts, or a near miss; a row that fails in more ways says nothing
WHERE {undecided("conditions", near_unknown=body.near_unknown)}"""


def _source(leaf: Leaf) -> str:
    return f"({leaf.query})" if isinstance(leaf, Sql) else leaf.view


def _conditions(definition: Definition, window: Window, leaf: Leaf) -> Iterator[tuple[str, str]]:
    """The named conditions, then those that every criterion brings along."""
    for name in leaf.where:
        yield name, definition.conditions[name].sql
    if not leaf.every_row and leaf.window != "any":
        yield IN_WINDOW, _in_window(window, leaf)
    if leaf.group and not leaf.every_row:
        yield GROUP_KNOWN, f"CASE WHEN ({leaf.group}) IS NOT NULL THEN TRUE END"
    if leaf.amount and not leaf.every_row:
        yield AMOUNT_KNOWN, f"CASE WHEN ({leaf.amount}) IS NOT NULL THEN TRUE END"


def _rows(window: Window, leaf: Leaf) -> str:
    """Which rows are looked at. Where every row counts, those outside the window must not be among them."""
    about = f"({leaf.about})" if leaf.about else "TRUE"
    if leaf.every_row and leaf.window != "any":
        return f"{about} AND ({_in_window(window, leaf)}) IS NOT FALSE"
    return about


def _in_window(window: Window, leaf: Leaf) -> str:
    """True inside the window, false outside, unknown where the date is too vague to tell."""
    first = window.from_ if leaf.window == "reading" else None
    last = window.to
    inside = [f"occurred_on >= {_day(first)}"] if first else []
    inside += [f"occurred_until <= {_day(last)}"] if last else []
    outside = [f"occurred_until < {_day(first)}"] if first else []
    outside += [f"occurred_on > {_day(last)}"] if last else []
    if not inside:
        return "TRUE"
    return f"CASE WHEN {' AND '.join(inside)} THEN TRUE WHEN {' OR '.join(outside)} THEN FALSE END"


def _day(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _indented(sql: str) -> str:
    return sql.strip().replace("\n", "\n             ")


def candidate_of(query: Query, row: Sequence[Any]) -> Candidate:
    """A row of a query, in the order of its columns."""
    (source, id, title, first, last, url, began, ended, reported, topic, partition, offset, also) = row[
        : len(COMMON_COLUMNS)
    ]
    group, entity, value, shown, conditions = row[len(COMMON_COLUMNS) :]
    return Candidate(
        path=query.path,
        source=source,
        id=id,
        title=title,
        occurred_on=first,
        occurred_until=last,
        url=url,
        began=Moment(_time(began), Moment.EVENT, topic, partition, offset),
        ended_at=None if ended is None else _time(ended),
        reported_at=_time(reported if reported is not None else began),
        also=tuple((other["source"], other["id"]) for other in also or ()),
        group=group,
        entity=entity,
        value=value,
        shown=json.loads(shown) if shown else {},
        verdicts=dict(zip(query.conditions, conditions, strict=True)),
        near_miss=query.near_miss,
    )


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
