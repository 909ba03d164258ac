"""``dualtrack query``: SQL over what has landed, also while a worker writes."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json_rows, settings_of
from dualtrack.cli.tables import print_table

if TYPE_CHECKING:
    import duckdb

MOST_ROWS_SHOWN = 200

_ROWS_AT_ONCE = 1_000


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            ('dualtrack query "SHOW TABLES"', "every view and table"),
            ('dualtrack query "DESCRIBE signals"', "the columns of one"),
            'dualtrack query "SELECT track, count(*) FROM signals GROUP BY ALL"',
            'dualtrack query "FROM predictions" --json > predictions.json',
        )
    )(query)


def query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One statement that reads.")],
    as_json: JsonOption = False,
) -> None:
    """Ask DuckDB. Reads the file itself, or its latest snapshot while a worker writes."""
    import duckdb

    from dualtrack.tools import reading

    with reading(settings_of(context)) as connection:
        try:
            _refuse_all_but_one(sql)
            rows = _rows(connection, sql)
            if as_json:
                print_json_rows(rows)
            else:
                _show(list(islice(rows, MOST_ROWS_SHOWN + 1)))
        except duckdb.Error as error:
            raise fail(f"{str(error).rstrip()}\n{_advice(error)}".rstrip()) from None


def _show(rows: list[dict[str, Any]]) -> None:
    if len(rows) > MOST_ROWS_SHOWN:
        print_table(f"The first {MOST_ROWS_SHOWN} rows", rows[:MOST_ROWS_SHOWN])
        console(stderr=True).print("there are more: --json prints all, LIMIT asks for fewer")
    elif not rows:
        console().print("0 rows")
    else:
        print_table(f"{len(rows)} row{'' if len(rows) == 1 else 's'}", rows)


def _refuse_all_but_one(sql: str) -> None:
    import duckdb

    count = len(duckdb.extract_statements(sql))
    if count != 1:
        raise fail(f"one statement is needed, here are {count}; an example: dualtrack query 'FROM signals LIMIT 5'", 2)


def _rows(connection: "duckdb.DuckDBPyConnection", sql: str) -> Iterator[dict[str, Any]]:
    result = connection.execute(sql)
    columns = result.description or []
    names = _distinct([str(column[0]) for column in columns])
    json_names = [name for name, column in zip(names, columns, strict=True) if str(column[1]) == "JSON"]
    while rows := result.fetchmany(_ROWS_AT_ONCE):
        for values in rows:
            row = dict(zip(names, values, strict=True))
            yield row | {name: json.loads(row[name]) for name in json_names if row[name] is not None}


def _distinct(names: list[str]) -> list[str]:
    """Columns of the same name become ``a``, ``a_1``, ``a_2``, as DuckDB names them itself in a subquery."""
    found: list[str] = []
    for name in names:
        numbered = (name if number == 0 else f"{name}_{number}" for number in range(len(names)))
        found.append(next(candidate for candidate in numbered if candidate not in found))
    return found


def _advice(error: "duckdb.Error") -> str:
    """What to do about an error of DuckDB; nothing where its own message says it."""
    import duckdb

    text = str(error)
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return "Tables and views: dualtrack query 'SHOW TABLES'; columns: dualtrack query 'DESCRIBE signals'"
    if "read-only" in text:
        return "A query only reads. To change what landed, publish an event that `corrects` or `retracts` it"
    if "disabled by configuration" in text:
        return "A query reaches no files. To write its answer to one: dualtrack query SQL --json > FILE"
    return ""
