"""What is refused at the start: what can never be, SQL that may not be here, and SQL that does not fit the views."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import duckdb

from predictions.criteria import Leader, Leaf, Sql
from predictions.criterion import Query, compile_reading
from predictions.definition import Definition, Path
from predictions.possible import Fault, impossible, out_of_reach
from predictions.safe_sql import Parsed, SqlReader
from predictions.views import helper_views
from schemas.topics import EVENT_TYPES

_NUMBER: Final = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT)$")
_FIELDS: Final = ("about", "of", "value", "per", "who", "by", "within")
_AMOUNTS: Final = ("value", "by")


def unsound(
    connection: duckdb.DuckDBPyConnection, definitions: Iterable[Definition]
) -> Iterator[tuple[Definition, Path, str]]:
    """Every fault of every definition, with its place. ``connection`` has the views; they are described, not read."""
    with Plans(connection) as plans:
        for definition in definitions:
            found = [*impossible(definition), *plans.faults(definition)]
            for path, message in dict.fromkeys(found):
                yield definition, path, message


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression of a selection, and where it stands in the definition."""

    path: Path
    field: str
    """``about``, ``of`` ..., ``show``, or ``where`` for a condition."""
    text: str


class Plans:
    """Plans SQL on a database of its own, with empty tables in the place of the store's views.

    A view over JSON takes milliseconds to plan, an empty table with the same columns nearly nothing.
    """

    def __init__(self, store: duckdb.DuckDBPyConnection) -> None:
        self.columns: Final = _columns(store)
        self.events: Final = frozenset(name for name in self.columns if not name.startswith("ref_"))
        """What criteria may select from; queries may read the reference tables too."""
        self._reader = SqlReader(self.columns)
        self._parsed: dict[str, Parsed] = {}
        self._types: dict[str, tuple[str, str]] = {}
        self._empty: dict[str, bool] = {}
        self._connection: Final = duckdb.connect(
            # Neither a file nor a variable of Python stands in for a table that is not there.
            config={"threads": 1, "enable_external_access": "false", "python_enable_replacements": "false"}
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        # What statistics of empty tables say would make every condition a contradiction.
        self._connection.execute("SET disabled_optimizers = 'statistics_propagation'")
        for view, types in self.columns.items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            self._connection.execute(f'CREATE TABLE "{view}" ({listed})')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._connection.close()

    def parsed(self, text: str) -> Parsed:
        """An expression, taken apart; each text once."""
        if text not in self._parsed:
            self._parsed[text] = self._reader.expression(text)
        return self._parsed[text]

    def parsed_query(self, leaf: Sql) -> Parsed:
        """A query of one's own, taken apart."""
        return self._reader.query(leaf.query)

    def faults(self, definition: Definition) -> Iterator[Fault]:
        """What is wrong with the SQL of a definition."""
        for name, condition in definition.conditions.items():
            yield from ((("conditions", name, "sql"), fault) for fault in self.parsed(condition.sql).faults)
        for index, reading in enumerate(definition.readings):
            for query in compile_reading(definition, reading):
                yield from self._selection(definition, ("readings", index, *query.path), query)

    def _selection(self, definition: Definition, here: Path, query: Query) -> Iterator[Fault]:
        leaf = query.leaf
        unreadable = list(self._source_faults(here, leaf))
        yield from unreadable
        asked = list(asked_of(definition, leaf, here))
        unsafe = [(one.path, fault) for one in asked for fault in self.parsed(one.text).faults]
        yield from unsafe
        if unreadable:
            return
        safe = [one for one in asked if not self.parsed(one.text).faults]
        refused = [(one.path, why) for one in safe if (why := self._described(one.text, leaf)[1])]
        planned = [one for one in safe if not self._described(one.text, leaf)[1]]
        wrong = [*refused, *self._kinds(leaf, planned)]
        if not wrong and not unsafe:
            why = self._refusal(query.sql)
            wrong = [(here, why)] if why else list(self._contradictions(here, leaf, planned))
        yield from wrong

    def _source_faults(self, here: Path, leaf: Leaf) -> Iterator[Fault]:
        if isinstance(leaf, Sql):
            place = (*here, "query")
            faults = self.parsed_query(leaf).faults
            yield from ((place, fault) for fault in faults)
            if not faults and (why := self._refusal(f"SELECT * FROM ({leaf.query})")):
                yield place, why
        elif leaf.view not in self.events:
            near = difflib.get_close_matches(leaf.view, self.events, n=1)
            advice = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(self.events))}"
            yield (*here, "from"), f"'{leaf.view}' is no view of events; {advice}"

    def _kinds(self, leaf: Leaf, asked: Iterable[Asked]) -> Iterator[Fault]:
        """What each expression gives: true or false, a number, and how many different things at most."""
        for one in asked:
            kind = self._described(one.text, leaf)[0]
            parsed = self.parsed(one.text)
            if one.field in ("where", "about") and kind != "BOOLEAN" and not parsed.is_null:
                yield one.path, f"this has to be true, false or NULL, and is of type {kind}: compare it with something"
            elif one.field in _AMOUNTS and not _NUMBER.match(kind):
                yield one.path, f"this has to be a number, and is of type {kind}: use TRY_CAST(... AS DOUBLE)"
            elif one.field == ("who" if isinstance(leaf, Leader) else "of"):
                most = 1 if parsed.is_constant else 2 if kind == "BOOLEAN" else None
                why = out_of_reach(leaf, most) if most is not None else ""
                if why:
                    yield one.path, why

    def _contradictions(self, here: Path, leaf: Leaf, asked: Iterable[Asked]) -> Iterator[Fault]:
        """Conditions that no row could ever satisfy: each by itself, then all together."""
        judged = [one for one in asked if one.field in ("where", "about")]
        alone = [one for one in judged if self._is_empty(leaf, [one.text])]
        yield from ((one.path, "this is true of no row: the criterion can never hold by it") for one in alone)
        if len(judged) > 1 and not alone and self._is_empty(leaf, [one.text for one in judged]):
            yield (*here, "where"), "these conditions contradict each other: no row can satisfy them all"

    def _is_empty(self, leaf: Leaf, conditions: Iterable[str]) -> bool:
        condition = " AND ".join(f"({text})" for text in conditions)
        sql = f"EXPLAIN SELECT 1 FROM {_source(leaf)} WHERE {condition}"
        if sql not in self._empty:
            self._empty[sql] = any("EMPTY_RESULT" in row[1] for row in self._connection.execute(sql).fetchall())
        return self._empty[sql]

    def _described(self, text: str, leaf: Leaf) -> tuple[str, str]:
        """The type of an expression, and why DuckDB cannot plan it: one of them."""
        sql = f"DESCRIBE SELECT ({text}) FROM {_source(leaf)}"
        if sql not in self._types:
            try:
                row = self._connection.execute(sql).fetchone()
                self._types[sql] = (str(row[1]) if row else "", "")
            except duckdb.Error as error:
                self._types[sql] = ("", _short(error))
        return self._types[sql]

    def _refusal(self, sql: str) -> str:
        """Why DuckDB cannot plan a query; empty where it can."""
        try:
            self._connection.execute(f"EXPLAIN {sql}").fetchall()
        except duckdb.Error as error:
            return _short(error)
        return ""


def _short(error: duckdb.Error) -> str:
    return str(error).split("\n\nLINE")[0].replace("\n", " ")


def asked_of(definition: Definition, leaf: Leaf, here: Path) -> Iterator[Asked]:
    """Every expression of a selection, the conditions that it names included."""
    for field in _FIELDS:
        if text := getattr(leaf, field, None):
            # ``within`` stands at the sequence, not at its steps.
            at_step = field == "within" and here[-1] in ("first", "then")
            yield Asked((*(here[:-1] if at_step else here), field), field, text)
    for name, text in leaf.show.items():
        yield Asked((*here, "show", name), "show", text)
    for name in leaf.where:
        yield Asked(("conditions", name, "sql"), "where", definition.conditions[name].sql)


def _source(leaf: Leaf) -> str:
    return f"({leaf.query})" if isinstance(leaf, Sql) else leaf.view


def _columns(store: duckdb.DuckDBPyConnection) -> Mapping[str, Mapping[str, str]]:
    """The columns of what SQL may read, with their types: typed views, helper views, reference tables."""
    wanted = {f"facts_{name.replace('-', '_')}" for name in EVENT_TYPES} | helper_views().keys()
    rows = store.execute(
        """SELECT table_name, column_name, data_type FROM duckdb_columns()
        WHERE NOT internal AND schema_name = 'main' AND database_name = current_database()
            AND (list_contains(?, table_name) OR starts_with(table_name, 'ref_'))
        ORDER BY table_name, column_index""",
        [sorted(wanted)],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found
