"""``dualtrack predictions backtest``: when would each milestone have been told, and on which event?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dualtrack.cli.auditing import chosen_prediction, unknown_told
from dualtrack.cli.instants import instant_of
from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of, takes_unicode

if TYPE_CHECKING:
    import duckdb

    from predictions.backtest import Backtest
    from predictions.definition import Definition
    from predictions.standing import Standing

_WIDTH: Final = 48
"""Cells of the line that shows the progress through time."""

_LEVELS: Final = ("▁▂▃▄▅▆▇█", "_.-:=+*#")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "dualtrack predictions backtest p3b",
            "dualtrack predictions backtest mine.yaml --from 2026-01-01",
            "dualtrack predictions backtest p3b --hindsight --svg p3b.svg",
        )
    )(backtest)


def backtest(
    context: typer.Context,
    what: Annotated[
        list[str], typer.Argument(metavar="ID|FILE...", help="Predictions of the store, or files.", show_default=False)
    ],
    begin: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Tell from this day on.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Tell up to this day; else up to now.")
    ] = None,
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="By the day on which things happened, with all that is known now.")
    ] = False,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the chart to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """When each milestone would have been told, and on which event, had the definition been judged all along.

    An event counts from the day on which its publisher reported it, and what was corrected later counts until then.
    """
    from dualtrack.tools import reading, utc_now

    now = utc_now()
    last = min(instant_of(end, "--to"), now) if end else now
    first = instant_of(begin, "--from") if begin else None
    if first is not None and len(begin or "") == len("2026-06-01"):
        first = first - timedelta(days=1) + timedelta(microseconds=1)  # A day begins where the one before has ended.
    if first is not None and first > last:
        raise fail(f"--from {begin} lies after --to {end or 'now'}: write the earlier one first", 2)
    with reading(settings_of(context)) as connection, unknown_told():
        definitions = _definitions(connection, what)
        beginning = first or min(definition.declared_at for definition in definitions)
        found = _with_progress(connection, definitions, (beginning, last), hindsight, quiet=as_json)
    if svg:
        _write(svg, found, beginning, last)
    if as_json:
        print_json([_document(one, beginning, last) for one in found])
        return
    _tell(found, beginning, last, hindsight=hindsight)
    if svg:
        console().print(f"chart written to {svg}", markup=False)


def _definitions(connection: "duckdb.DuckDBPyConnection", what: Sequence[str]) -> "list[Definition]":
    """What is meant: files by their ending, all else by the identities in the store."""
    from predictions.declared import declared
    from predictions.load import load_definition, validate_sql

    known = declared(connection)
    found: list[Definition] = []
    for one in what:
        if one.endswith((".yaml", ".yml")):
            definition = load_definition(Path(one))
            validate_sql(connection, [definition])
        else:
            definition = known[chosen_prediction(one, list(known))][-1].definition()
        found = [*(other for other in found if other.id != definition.id), definition]
    return found


def _with_progress(
    connection: "duckdb.DuckDBPyConnection",
    definitions: "list[Definition]",
    between: tuple[datetime, datetime],
    hindsight: bool,
    *,
    quiet: bool,
) -> "list[Backtest]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from predictions.backtest import backtest as run

    err = console(stderr=True)
    ((total,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    columns = (TextColumn("reading events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("backtest", total=total)
        return run(
            connection,
            definitions,
            *between,
            hindsight=hindsight,
            on_progress=lambda count: progress.advance(task, count),
        )


def _tell(found: "Iterable[Backtest]", begin: datetime, end: datetime, *, hindsight: bool) -> None:
    from rich.text import Text

    from dualtrack.cli.tables import print_hanging

    out = console()
    clock = "by the day on which it happened" if hindsight else "by the day on which it was reported"
    out.print(f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}, {clock}:", style="bold", markup=False)
    before = ""
    for one in found:
        if one.definition.id != before:
            out.print()
            print_hanging(out, Text(one.definition.id, "bold cyan"), Text(one.definition.title, "bold"))
            before = one.definition.id
        if one.failed:
            out.print(f"  {one.reading.id}  broken: {one.failed}", style="yellow", markup=False)
            continue
        state = one.history[-1].state if one.history else "open"
        line = progress_line(one.history, begin, end)
        out.print(Text.assemble("  ", (one.reading.id, "bold"), f"  {line}  {state}"))
        for firing in one.firings:
            words = firing.milestone if firing.reached else f"{firing.milestone} no longer holds"
            told = Text(f"{words}: {firing.standing.detail}")
            told.append(_caused(firing.standing), "dim")
            print_hanging(out, Text(f"    {firing.standing.known_at:%Y-%m-%d}"), told)
        if one.never:
            out.print(f"    not reached: {', '.join(one.never)}", style="dim", markup=False)


def _caused(standing: "Standing") -> str:
    cause = standing.cause
    if cause is None:
        return "\n← the deadline"
    title = next(
        (item["title"] for item in standing.evidence if (item["source"], item["id"]) == (cause["source"], cause["id"])),
        "",
    )
    return f"\n← {title or 'a correction or retraction'} ({cause['source']}#{cause['id']})"


def progress_line(history: "Sequence[Standing]", begin: datetime, end: datetime, width: int = _WIDTH) -> str:
    """The progress through time, a cell for each part of it: ``▁▁▁▃▃▅▅█``; blank before the first standing."""
    levels = _LEVELS[0 if takes_unicode() else 1]
    line = ""
    for cell in range(1, width + 1):
        until = begin + (end - begin) * (cell / width)
        known = [standing for standing in history if standing.known_at <= until]
        progress = min(max(known[-1].progress, 0.0), 1.0) if known else None
        line += " " if progress is None else levels[round(progress * (len(levels) - 1))]
    return line


def _document(one: "Backtest", begin: datetime, end: datetime) -> Mapping[str, Any]:
    return {
        "id": one.definition.id,
        "reading": one.reading.id,
        "version": one.definition.version,
        "hash": one.definition.hash,
        "from": begin,
        "to": end,
        "failed": one.failed or None,
        "state": one.history[-1].state if one.history else None,
        "milestones": [
            {
                "milestone": firing.milestone,
                "reached": firing.reached,
                "at": firing.standing.known_at,
                "state": firing.standing.state,
                "progress": firing.standing.progress,
                "detail": firing.standing.detail,
                "cause": firing.standing.cause,
                "evidence": list(firing.standing.evidence),
            }
            for firing in one.firings
        ],
        "not_reached": list(one.never),
        "progress": [
            {"at": standing.known_at, "progress": standing.progress, "state": standing.state}
            for standing in one.history
        ],
    }


def _write(file: Path, found: "Sequence[Backtest]", begin: datetime, end: datetime) -> None:
    from dualtrack.backtest_svg import backtest_svg

    try:
        file.write_text(backtest_svg(found, begin, end), encoding="utf-8")
    except OSError as error:
        raise fail(f"could not write {file}: {error.strerror}") from error
