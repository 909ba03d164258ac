"""What SQL in a definition may do: read the row, or in a query the views; nothing else, and never by chance.

DuckDB's own parser takes it apart. Its tree is walked for everything that could reach further: other statements, tables
that are no views of events, files, settings, the clock, chance.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from predictions.parts import IDENTIFIER

Node = Mapping[str, Any]

MAX_SQL: Final = 20_000
"""Most characters of one expression or query."""

_TABLE_FUNCTIONS: Final = frozenset({"unnest"})
_SOURCES: Final = frozenset({"EMPTY", "BASE_TABLE", "JOIN", "SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST"})
"""What may stand after FROM."""

_CLOCKS: Final = frozenset(
    {
        *("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "now", "today", "ago"),
        *("current_localtime", "current_localtimestamp", "get_current_time", "get_current_timestamp"),
        "transaction_timestamp",
    }
)
_FORBIDDEN: Final = frozenset(
    {
        *("current_setting", "getvariable", "version", "parse_duckdb_log_message", "get_block_size"),
        *("current_catalog", "current_role", "current_user", "session_user", "user"),
    }
)
"""Functions that are none of chance to DuckDB, and still tell more than the row does."""

_BOUNDLESS: Final = frozenset(
    {"repeat", "lpad", "rpad", "range", "generate_series", "list_resize", "array_resize", "bitstring"}
)
"""Functions that make as much as one asks for out of nothing, while planning already."""

_SET_LATER: Final = frozenset({"known_until", "reported_until"})

_NO_VALUE: Final = "an expression is one value of the row, as `a = 1 AND b > 2`: no statement, no FROM, no commas"

_ANY_ORDER: Final = frozenset({"any_value", "arbitrary", "first", "last"})
_MAY_FAIL: Final = re.compile(r"INT|DECIMAL|DOUBLE|FLOAT|DATE|TIME|BOOLEAN|UUID|INTERVAL|ENUM")
_IS_TEXT: Final = re.compile(r"VARCHAR|JSON|BLOB")


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression or a query, taken apart. ``faults`` says what it may not do; then the rest means nothing."""

    faults: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Does it say the same of every row?"""
        return not any(_is(node, "class", "COLUMN_REF") or "from_table" in node for node in self.nodes[1:])

    @property
    def is_null(self) -> bool:
        """Is it the word NULL?"""
        value = self.nodes[0]["select_list"][0].get("value") or {}
        return isinstance(value, dict) and bool(value.get("is_null"))

    def tables(self) -> frozenset[str]:
        """Tables and views that it names."""
        return frozenset(_name(node["table_name"]) for node in self.nodes if _is(node, "type", "BASE_TABLE"))

    def casts_that_may_fail(self, types: Mapping[str, str]) -> Iterator[str]:
        """Casts that end the evaluation where a text does not read as what is wanted; ``types`` are the columns'."""
        for node in self.nodes:
            if _is(node, "type", "OPERATOR_CAST") and not node["try_cast"]:
                child, kind = node["child"], str(node["cast_type"]["id"])
                column = child.get("column_names", ())
                known = types.get(column[0].lower(), "VARCHAR") if len(column) == 1 else "VARCHAR"
                if child["class"] != "CONSTANT" and _MAY_FAIL.search(kind) and _IS_TEXT.search(known):
                    what = f"'{'.'.join(column)}'" if column else "this"
                    yield f"CAST of {what} to {kind} fails on a value that is none: use TRY_CAST, which gives NULL"

    def picks_at_random(self) -> Iterator[str]:
        """Aggregates that take whichever row comes first."""
        for node in self.nodes:
            name = _name(node.get("function_name", ""))
            if _is(node, "class", "FUNCTION") and name in _ANY_ORDER and not node["order_bys"]["orders"]:
                yield f"{name}() takes whichever row comes first: say which with ORDER BY, or use min() or max()"


class SqlReader:
    """Takes SQL apart on a database of its own. ``views`` are those that a query may read."""

    def __init__(self, views: Iterable[str]) -> None:
        self._views: Final = frozenset(views)
        self._connection: Final = duckdb.connect(config={"threads": 1, "enable_external_access": "false"})
        # Python's and DuckDB's own reading of what nests deeper would end in an error of theirs.
        self._connection.execute("SET max_expression_depth = 150")
        rows = self._connection.execute(
            """SELECT function_name, bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT')
            FROM duckdb_functions()
            WHERE internal AND function_type IN ('scalar', 'aggregate', 'macro') AND schema_name <> 'pg_catalog'
            GROUP BY function_name"""
        ).fetchall()
        self._functions: Final[dict[str, bool]] = dict(rows)

    def close(self) -> None:
        """Give the memory free."""
        self._connection.close()

    def expression(self, text: str) -> Parsed:
        """One value of a row."""
        parsed = self._parsed(f"SELECT {text}\n")
        if parsed.faults:
            return Parsed((_NO_VALUE,)) if self._is_statement(text) else parsed
        select = parsed.nodes[0]
        if not _is_one_value(select):
            return Parsed((_NO_VALUE,))
        if self._serialized(f"SELECT ({text})").get("error"):
            return Parsed(("a `--` comment must not be the last line of an expression: it hides what follows",))
        faults = (*self._faults(parsed.nodes, frozenset()), *self._beyond_the_row(parsed.nodes))
        return Parsed(tuple(dict.fromkeys(faults)), parsed.nodes)

    def query(self, text: str) -> Parsed:
        """A query over the views."""
        parsed = self._parsed(f"{text}\n")
        if parsed.faults:
            return parsed
        if self._serialized(f"SELECT * FROM ({text})").get("error"):
            return Parsed(("a query ends without `;` and without a `--` comment: it is read in brackets",))
        faults = list(self._faults(parsed.nodes, self._views | self._named_in(parsed.nodes)))
        if not faults and not parsed.tables() & self._views:
            faults.append(f"the query reads no view of events; there are: {', '.join(sorted(self._views))}")
        return Parsed(tuple(dict.fromkeys(faults)), parsed.nodes)

    def _parsed(self, sql: str) -> Parsed:
        if len(sql) > MAX_SQL:
            return Parsed((f"longer than {MAX_SQL} characters: no SQL of a definition is",))
        if "\x00" in sql:
            return Parsed(("a NUL character stands in this SQL: leave it out",))
        tree = self._serialized(sql)
        if tree.get("error"):
            reason = str(tree["error_message"]).split("\n", maxsplit=1)[0]
            if tree["error_type"] == "not implemented":
                reason = (
                    "no statement but a single SELECT may stand here: nothing that writes, attaches, sets or copies"
                )
            return Parsed((reason,))
        statements = tree["statements"]
        if len(statements) != 1:
            return Parsed((f"one statement may stand here, these are {len(statements)}: leave out what follows `;`",))
        return Parsed((), tuple(_nodes(statements[0]["node"])))

    def _is_statement(self, text: str) -> bool:
        try:
            return bool(self._connection.extract_statements(text))
        except duckdb.Error:
            return False

    def _serialized(self, sql: str) -> dict[str, Any]:
        try:
            row = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
            return json.loads(row[0]) if row else {}
        except RecursionError:
            return {"error": True, "error_type": "parser", "error_message": "nested too deep: write it flatter"}
        except duckdb.Error as error:
            return {"error": True, "error_type": "parser", "error_message": str(error)}

    def _named_in(self, nodes: Iterable[Node]) -> frozenset[str]:
        """Names that a query gives by WITH; one that is no plain word, or a view's, is none."""
        names = {_name(entry["key"]) for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
        return frozenset(name for name in names if re.match(IDENTIFIER, name) and name not in self._views)

    def _faults(self, nodes: Iterable[Node], tables: frozenset[str]) -> Iterator[str]:
        """What may stand nowhere."""
        nodes = tuple(nodes)
        read_from = {id(node["function"]) for node in nodes if _is(node, "type", "TABLE_FUNCTION")}
        for node in nodes:
            kind = str(node.get("type", ""))
            if kind == "BASE_TABLE":
                yield from self._table_faults(node, tables)
            elif kind == "RECURSIVE_CTE_NODE":
                yield "WITH RECURSIVE may never end: write the steps out"
            elif kind == "TABLE_FUNCTION" and _name(node["function"]["function_name"]) not in _TABLE_FUNCTIONS:
                allowed = ", ".join(sorted(_TABLE_FUNCTIONS))
                yield f"{node['function']['function_name']}() may not be read from; after FROM only: views, {allowed}"
            elif node.get("class") in ("PARAMETER", "POSITIONAL_REFERENCE"):
                yield "`?`, `$1` and `#1` stand for nothing here: write the value, or the column's name"
            elif "function_name" in node and id(node) not in read_from:
                yield from self._function_faults(node)
            elif node.get("class") == "COLUMN_REF":
                yield from _column_faults(node)
            if "from_table" in node and node["from_table"]["type"] not in _SOURCES:
                yield f"{node['from_table']['type'].lower()} may not stand here: select from views"
            if node.get("ref_type") == "POSITIONAL":
                yield "POSITIONAL JOIN pairs rows as they happen to come: join them by what they have in common"
            if node.get("sample"):
                yield "a sample is another one each time: the state has to follow from the events"
            if _takes_any(node):
                yield "LIMIT without ORDER BY takes whichever rows come first: say which"

    def _table_faults(self, node: Node, tables: frozenset[str]) -> Iterator[str]:
        name = _name(node["table_name"])
        if node["schema_name"] or node["catalog_name"] or node["at_clause"]:
            yield f"'{name}' is read from a schema of its own: name the view alone"
        elif name not in tables and tables:
            near = difflib.get_close_matches(name, tables, n=1)
            advice = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(self._views))}"
            yield f"'{name}' is no view of events; {advice}"

    def _function_faults(self, node: Node) -> Iterator[str]:
        name = _name(node["function_name"])
        if name in _CLOCKS or (name == "age" and len(node["children"]) == 1):
            yield _of_the_clock(f"{name}()")
        elif name in _BOUNDLESS:
            yield f"{name}() can make more of one row than memory holds: no criterion needs it"
        elif name in _FORBIDDEN or self._functions.get(name) is False:
            yield f"{name}() depends on more than the row, or has effects: the state has to follow from the events"
        elif name not in self._functions and name not in _TABLE_FUNCTIONS and node.get("class") == "FUNCTION":
            good = [
                known for known, is_sure in self._functions.items() if is_sure and known not in _FORBIDDEN | _CLOCKS
            ]
            near = difflib.get_close_matches(name, good, n=1, cutoff=0.75)
            yield f"there is no function {name}() here" + (f"; did you mean {near[0]}()?" if near else "")

    def _beyond_the_row(self, nodes: Iterable[Node]) -> Iterator[str]:
        """What an expression may not have, since it is asked of one row at the time when it became known."""
        for node in nodes:
            if node.get("type") == "BASE_TABLE":
                yield (
                    f"a subquery over '{node['table_name']}' sees what is known today, not what was known with the "
                    "row: what needs other rows is a helper view (predictions/views.sql), or the criterion `sql`"
                )
            elif node.get("class") == "WINDOW":
                yield "a window function looks at other rows: that is for a helper view, or the criterion `sql`"
            elif node.get("class") == "STAR":
                yield "`*` and COLUMNS() stand for columns that nobody has named: name them"
            elif node.get("class") == "COLUMN_REF":
                first, *rest = node["column_names"]
                if rest and _name(first) in self._views:
                    yield f"name the column alone, without '{first}.'"
                elif _name(first) in _SET_LATER:
                    yield f"{first} is set by later events: what was taken back is left out without your doing"


def _column_faults(node: Node) -> Iterator[str]:
    first, last = _name(node["column_names"][0]), _name(node["column_names"][-1])
    if first in _CLOCKS:
        yield _of_the_clock(node["column_names"][0])
    elif last == "landed_at":
        yield "landed_at is when this installation wrote the row, another one after a rebuild: use known_at"


def _of_the_clock(name: str) -> str:
    return f"{name} is another one each day: the state has to follow from the events; write the date, or use `window`"


def _nodes(root: Any) -> Iterator[Node]:
    """Every object of a tree, the root first; without recursion, for trees may be deep."""
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _is(node: Node, key: str, value: str) -> bool:
    return bool(node.get(key) == value)


def _name(text: str) -> str:
    return str(text).lower()


def _is_one_value(select: Node) -> bool:
    if select.get("type") != "SELECT_NODE" or len(select["select_list"]) != 1 or select["select_list"][0]["alias"]:
        return False
    empty = ("where_clause", "having", "qualify", "sample", "group_expressions", "group_sets", "modifiers")
    return select["from_table"]["type"] == "EMPTY" and not any(select[key] for key in empty)


def _takes_any(node: Node) -> bool:
    kinds = {item.get("type") for item in node.get("modifiers", ()) if isinstance(item, dict)}
    return "LIMIT_MODIFIER" in kinds and "ORDER_MODIFIER" not in kinds
