"""What the demo shows: progress while it runs, then counts, rejections, predictions, alerts and three questions."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dualtrack.cli.output import console, print_table
from dualtrack.cli.predictions import bar, title_of_cause
from dualtrack.demo.queries import QUESTIONS, Question
from dualtrack.demo.run import Progress
from dualtrack.settings import Settings
from dualtrack.tools import reading
from predictions.read import list_predictions

if TYPE_CHECKING:
    import duckdb


class Display:
    """A progress bar over the inputs that have their outcome."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Bars(*columns, TimeElapsedColumn(), console=console(stderr=True))
        self._task = self._bars.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._bars.stop()

    def step(self, doing: str, progress: Progress) -> None:
        """Show what is being done and how many inputs have their outcome."""
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
        out.print(f"and 1 that the publisher refused to send: {reason}", markup=False)
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
        """PIVOT (SELECT event_type, track FROM signals) ON track USING count(*) GROUP BY event_type
           ORDER BY event_type""",
    )
    totals = {name: sum(row[name] for row in rows) for name in rows[0] if name != "event_type"}
    for row in (*rows, totals):
        row["all"] = sum(value for name, value in row.items() if name != "event_type")
    print_table("Landed, by type and track", [*rows, {"event_type": "all", **totals}])


def _rejections(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = _rows(
        connection,
        """SELECT topic || '/' || "partition" || '/' || "offset" AS input, stage, rule, reason
           FROM rejections ORDER BY stage DESC, rule""",
    )
    print_table("Rejected, each with its reason (replayable)", [{**row, "reason": row["reason"][:150]} for row in rows])


def _predictions(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = [
        {
            "prediction": row["id"],
            "reading": row["reading"],
            "state": row["state"],
            "progress": bar(row["progress"]),
            "what holds": row["detail"],
            "moved last by": title_of_cause(row),
        }
        for row in list_predictions(connection)
    ]
    print_table("Predictions", rows)


def _alerts(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = _rows(
        connection,
        """SELECT prediction, reading, kind, payload->>'$.title' AS told,
                  string_agg(receiver, ', ' ORDER BY receiver) AS receivers
           FROM alerts WHERE delivered_at IS NOT NULL GROUP BY ALL ORDER BY prediction, reading, kind""",
    )
    print_table("Alerts fired, each once per receiver", rows)


def _ask(connection: "duckdb.DuckDBPyConnection", number: int, question: Question) -> None:
    from rich.text import Text

    out = console()
    out.print(f"\n[bold]Question {number}: {question.asks}[/]")
    out.print(question.sql, style="dim", markup=False)
    rows = _rows(connection, question.sql)
    if question.chart:
        out.print(Text.from_ansi(_chart(rows)))
    else:
        print_table("Answer", rows)


def _chart(rows: list[dict[str, Any]]) -> str:
    """Two bars per row: the first column names it, the next two are counted."""
    import plotext

    label, *series = rows[0]
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.simple_multiple_bar(
        [str(row[label]) for row in rows], [[row[name] for row in rows] for name in series], labels=series, width=90
    )
    return str(plotext.build())


def _rows(connection: "duckdb.DuckDBPyConnection", sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _go_on(settings: Settings) -> None:
    out = console()
    home = "" if str(settings.home) == "var" else f"--home {settings.home} "
    out.rule("[bold]How to go on")
    out.print(f"The database is {settings.database}; any DuckDB client opens it. Or, with .venv/bin in your PATH:")
    for command in (
        'query "FROM signals ORDER BY amount_usd DESC NULLS LAST LIMIT 10"',
        "predictions show p1a",
        "rejections list",
        "load your-events.jsonl",
        "up --embedded          (a broker and workers until Ctrl-C)",
    ):
        out.print(f"  dualtrack {home}{command}", markup=False)
