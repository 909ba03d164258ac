"""``dualtrack rebuild``: the store made anew from the log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, interruption_told, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.rebuild import RebuildOptions, RebuildReport
    from dualtrack.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            ("dualtrack rebuild --verify", "does the log give what the store holds?"),
            ("dualtrack rebuild", "make the store anew; the old one is kept"),
            ("dualtrack rebuild --to copy.duckdb", "leave the store alone"),
        )
    )(rebuild)


def rebuild(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="Write it there, and leave the store alone.")] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read as far as the store has read, compare with it table by table, replace nothing; exit code 1 "
            "where they differ.",
        ),
    ] = False,
    accept_log_gap: Annotated[
        bool, typer.Option("--accept-log-gap", help="Go on where the log no longer goes back to its beginning.")
    ] = False,
    send_alerts: Annotated[
        bool,
        typer.Option(
            "--send-alerts",
            help="Where the old store is lost: send the alerts that come out, though people may have had them.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the store anew from Kafka's log; files that were loaded, and what people were told, come from the old one.

    Stop settle before. The store is replaced when the new one is whole; the old one is kept as .before-rebuild.bak.
    """
    from dualtrack.rebuild import RebuildOptions

    settings = settings_of(context)
    options = RebuildOptions(to, verify, accept_log_gap, send_alerts)
    with interruption_told("interrupted: nothing was changed"):
        report = _with_progress(settings, options, quiet=as_json)
    if as_json:
        print_json(_document(report))
    else:
        _tell(report, verify=verify)
    if not report.equal:
        raise typer.Exit(1)


def _with_progress(settings: "Settings", options: "RebuildOptions", *, quiet: bool) -> "RebuildReport":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dualtrack.rebuild import rebuild as run

    err = console(stderr=True)
    columns = (TextColumn("rebuilding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("rebuild", total=None)
        return run(settings, options, lambda done, total: progress.update(task, completed=done, total=total))


def _document(report: "RebuildReport") -> dict[str, Any]:
    found: dict[str, Any] = {
        "store": str(report.target),
        "records": report.records,
        "landed": report.landed.landed,
        "duplicate": report.landed.duplicate,
        "rejected": report.landed.rejected,
        "redelivered": report.landed.redelivered,
        "carried_over": report.carried_over,
        "missing": [str(gap) for gap in report.gaps],
        "alerts_not_sent": report.not_sent,
        "backup": report.backup and str(report.backup),
    }
    if report.compared is not None:
        found["equal"] = report.equal
        found["tables"] = [
            {
                "table": one.table,
                "rows": one.rows,
                "only_old": one.only_old,
                "only_new": one.only_new,
                "examples": [{"store": store, "row": row} for store, row in one.examples],
            }
            for one in report.compared
        ]
    return found


def _tell(report: "RebuildReport", *, verify: bool) -> None:
    out = console()
    counts = report.landed
    out.print(
        f"{report.records:,} records of the log: {counts.landed:,} landed, {counts.duplicate:,} duplicate, "
        f"{counts.rejected:,} rejected, {counts.redelivered:,} redelivered"
    )
    if report.carried_over:
        out.print(f"{report.carried_over:,} inputs came from the old store: loaded files, or forgotten by the log")
    for gap in report.gaps:
        out.print(f"missing: {gap}", markup=False, soft_wrap=True)
    if report.not_sent:
        out.print(
            f"{report.not_sent:,} alerts were noted as delivered and not sent: there was no store to say who was told. "
            "--send-alerts sends them",
            soft_wrap=True,
        )
    if verify:
        _tell_comparison(report)
    else:
        kept = f"; the old one is kept as {report.backup}" if report.backup else ""
        out.print(f"the store is {report.target}{kept}", markup=False, soft_wrap=True)


def _tell_comparison(report: "RebuildReport") -> None:
    from dualtrack.cli.tables import print_table

    compared = report.compared or ()
    rows = [
        {
            "table": one.table,
            "rows": one.rows,
            "only in the store": one.only_old,
            "only in the rebuilt": one.only_new,
        }
        for one in compared
    ]
    print_table("Read as far as the store has read; times of this machine's own clock apart", rows)
    out = console()
    for one in compared:
        for store, row in one.examples:
            out.print(f"{one.table}, only {store}: {row}", markup=False, soft_wrap=True)
    out.print("equal" if report.equal else "they differ", style="green" if report.equal else "bold red")
