"""What the demo shows: progress while it runs, then counts, rejections, predictions, alerts and three questions."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from dualtrack.cli.output import again, console
from dualtrack.cli.rejections import print_rejections
from dualtrack.cli.standings import print_standings, titles_of_causes
from dualtrack.cli.tables import print_table
from dualtrack.demo.queries import QUESTIONS, Question
from dualtrack.demo.run import Progress
from dualtrack.replay import open_rejections
from dualtrack.settings import Settings
from dualtrack.tools import reading
from predictions.read import list_predictions

if TYPE_CHECKING:
    import duckdb

_WIDEST_CHART: Final = 100


class Display:
    """A progress bar over the inputs that have their outcome."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Bars(*columns, TimeElapsedColumn(), console=console(stderr=True))
        self._task = self._bars.add_task("starting", total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._bars.stop()

    def step(self, doing: str, progress: Progress) -> None:
        """Show what is being done and how many inputs have their outcome."""
        self._bars.start()
        self._bars.update(self._task, description=doing, total=progress.published or None, completed=progress.outcomes)


def report(settings: Settings, progress: Progress) -> None:
    """Print everything; reads the database file that the demo leaves."""
    out = console()
    settled = progress.settled
    out.rule("[bold]What came of it")
    out.print(
        f"{progress.published} inputs = {settled.landed} landed + {settled.duplicate} duplicate "
        f"+ {settled.rejected} rejected, in {progress.seconds:.0f} s"
    )
    for reason in progress.refused_by_publisher:
        out.print(f"1 more was refused by the publisher: {reason}", markup=False)
    out.print()
    with reading(settings) as connection:
        _counts(connection)
        _rejections(connection)
        _predictions(connection)
        _alerts(connection)
        for number, question in enumerate(QUESTIONS, start=1):
            _ask(connection, number, question)
    _go_on(settings)


def _counts(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = _rows(
        connection,
        """PIVOT (SELECT event_type AS type, track FROM signals) ON track USING count(*)
           GROUP BY type ORDER BY type""",
    )
    for row in rows:
        row["all"] = sum(value for name, value in row.items() if name != "type")
    totals = {name: sum(row[name] for row in rows) for name in rows[0] if name != "type"}
    print_table("Landed, by type and track", [*rows, {"type": "all", **totals}])
    superseded = connection.execute("SELECT count(*) FROM events SEMI JOIN supersessions USING (event_hash)").fetchall()
    if superseded[0][0]:
        console().print(f"{superseded[0][0]} more landed and do not count: later events correct or retract them.\n")


def _rejections(connection: "duckdb.DuckDBPyConnection") -> None:
    found = sorted(open_rejections(connection), key=lambda item: (item.stage != "parse", item.rule, item.input))
    print_rejections("Rejected, each with its reason; all can be replayed after a fix", found)


def _predictions(connection: "duckdb.DuckDBPyConnection") -> None:
    out = console()
    rows = list_predictions(connection)
    out.print("Predictions: state, progress and deadline of each reading, and what moved it last (←)\n", style="bold")
    print_standings(rows, titles_of_causes(connection, rows))


def _alerts(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = _rows(
        connection,
        """SELECT prediction, reading, title AS told, string_agg(receiver, ', ' ORDER BY receiver) AS "to"
           FROM alerts WHERE delivered_at IS NOT NULL GROUP BY ALL ORDER BY prediction, reading, told""",
    )
    print_table("Alerts fired, each once per receiver", rows)


def _ask(connection: "duckdb.DuckDBPyConnection", number: int, question: Question) -> None:
    out = console()
    out.print(f"Question {number}: {question.asks}", style="bold")
    out.print(question.sql, style="dim", markup=False)
    out.print()
    rows = _rows(connection, question.sql)
    if question.chart:
        _chart(rows)
    else:
        print_table("Answer", rows)


def _chart(rows: list[dict[str, Any]]) -> None:
    """Bars: the first column names a row, each of the others is a series."""
    from rich.bar import Bar
    from rich.table import Table

    out = console()
    label, *series = rows[0]
    largest = max(row[name] for row in rows for name in series)
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    for width in (None, None, 4):
        table.add_column(width=width, justify="right" if width else "left", no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        for number, name in enumerate(series):
            colour = ("cyan", "magenta")[number % 2]
            bar = Bar(largest, 0, row[name], color=colour)
            table.add_row(str(row[label]) if number == 0 else "", name, str(row[name]), bar)
    out.print(table, width=min(out.width, _WIDEST_CHART))
    out.print()


def _rows(connection: "duckdb.DuckDBPyConnection", sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _go_on(settings: Settings) -> None:
    out = console()
    out.rule("[bold]How to go on")
    out.print(f"The database is {settings.database}: any DuckDB client opens it.", markup=False, soft_wrap=True)
    out.print("Or, with .venv/bin in your PATH:")
    live = settings.model_copy(update={"home": settings.home.with_name(f"{settings.home.name}-live")})
    for command in (
        again(settings, 'query "FROM signals LIMIT 5"'),
        again(settings, "predictions show p1a"),
        again(settings, "rejections list"),
        again(settings, "load FILE"),
        f"{again(live, 'up --embedded')}   # broker and workers until Ctrl-C",
    ):
        out.print(f"  {command}", markup=False, soft_wrap=True)
