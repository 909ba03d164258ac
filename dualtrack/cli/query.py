"""``dualtrack query``: SQL over what has landed, also while a worker writes."""

from typing import Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, faults_told, print_json, print_table, settings_of

MOST_ROWS_SHOWN = 200


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            'dualtrack query "SELECT track, count(*) FROM signals GROUP BY ALL"',
            'dualtrack query "FROM predictions" --json',
            'dualtrack query "SHOW TABLES"          every view and table',
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

    with faults_told(), reading(settings_of(context)) as connection:
        try:
            rows = _rows(connection, sql)
        except duckdb.Error as error:
            raise fail(f"{error}\nTables and views: dualtrack query 'SHOW TABLES'") from None
    if as_json:
        print_json(rows)
        return
    print_table(f"{len(rows):,} rows", rows[:MOST_ROWS_SHOWN])
    if len(rows) > MOST_ROWS_SHOWN:
        console(stderr=True).print(f"the first {MOST_ROWS_SHOWN} of {len(rows):,}; --json prints all")


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
