"""A condition in SQL from outside (``rejections replay --where``): one expression over known columns, and no more.

What runs is not the text that was given but the parsed expression, written out anew by DuckDB. So nothing in the text
can end the condition early, begin a second statement or hide the rest behind a comment. The connection that it runs on
is read-only and reaches no file (``sinks.reading``); this module keeps it to the rows it is meant for.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

_PREFIX: Final = "SELECT "
_LONE: Final = "one expression is needed, as after WHERE"
_PLAIN: Final = (
    "where_clause",
    "group_expressions",
    "group_sets",
    "having",
    "sample",
    "qualify",
    "modifiers",
)
"""Parts of a SELECT that must be empty: a lone expression has none of them."""


class BadCondition(ValueError):
    """The condition is no single expression, or does not fit the columns. The message names them."""


def checked_condition(connection: Any, condition: str, relation: str, columns: Mapping[str, str]) -> str:
    """The condition as SQL that may stand in parentheses after WHERE; raises BadCondition with what to change.

    ``relation`` is a query that has the ``columns`` (name to what it holds); ``connection`` is DuckDB's.
    """
    try:
        expression = _one_expression(connection, condition)
        planned = f"DESCRIBE SELECT ({expression}) AS answer FROM ({relation}) WHERE ({expression})"
        kind = connection.execute(planned).fetchall()[0][1]
    except duckdb.Error as error:
        raise bad_condition(error, columns) from None
    if kind != "BOOLEAN":
        raise BadCondition(f"the condition is a {kind}, not true or false. {_told(columns)}")
    return expression


def bad_condition(error: duckdb.Error, columns: Mapping[str, str]) -> BadCondition:
    """What DuckDB says of a condition, also of one that fails on a row, for the one who wrote it."""
    first = " ".join(str(error).strip().split("\n\n")[0].split("\nLINE ")[0].split())
    return BadCondition(f"the condition does not work: {first}. {_told(columns)}")


def _one_expression(connection: Any, condition: str) -> str:
    # Line ends around it, so that a comment at its end hides nothing of ours.
    text = f"{_PREFIX}(\n{condition}\n)"
    tree = json.loads(connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()[0][0])
    if tree["error"]:
        raise duckdb.ParserException(_LONE if tree["error_type"] == "not implemented" else str(tree["error_message"]))
    nodes = [statement["node"] for statement in tree["statements"]]
    if len(nodes) != 1 or not _is_lone_expression(nodes[0]):
        raise duckdb.ParserException(_LONE)
    for part in _parts(nodes[0]["select_list"]):
        if part.get("class") in ("SUBQUERY", "PARAMETER", "STAR"):
            raise duckdb.ParserException(f"a {part['class'].lower()} has no place in it")
    written = str(connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchall()[0][0])
    if not written.startswith(_PREFIX):
        raise duckdb.ParserException(_LONE)
    return written.removeprefix(_PREFIX)


def _is_lone_expression(node: Mapping[str, Any]) -> bool:
    return (
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and not node["select_list"][0]["alias"]
        and node["from_table"]["type"] == "EMPTY"
        and not node["cte_map"]["map"]
        and not any(node[part] for part in _PLAIN)
    )


def _parts(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of the tree."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            yield part
            waiting.extend(part.values())


def _told(columns: Mapping[str, str]) -> str:
    return f"Columns: {', '.join(f'{name} ({holds})' for name, holds in columns.items())}"
