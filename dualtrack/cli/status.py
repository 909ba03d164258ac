"""``dualtrack status``: how the pipeline is doing, for people and for health checks."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.settings import Settings
    from dualtrack.status import Part

_MARKS: Final = {True: ("ok", "green"), False: ("RED", "bold red"), None: ("-", "dim")}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            ("dualtrack status", "broker, lag, store, alerts, workers"),
            ("dualtrack status --json", "the same for programs"),
            ("dualtrack status --worker", "only the workers here: a health check"),
            ("dualtrack status --worker --ready", "are they ready, too?"),
        )
    )(status)


def status(
    context: typer.Context,
    worker: Annotated[
        bool, typer.Option("--worker", help="Only the workers of this home; red where there is none.")
    ] = False,
    ready: Annotated[bool, typer.Option("--ready", help="With --worker: red unless they are ready.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how broker, workers, store and alerts are doing; exit code 1 when something is red."""
    settings = settings_of(context)
    if ready and not worker:
        raise fail("--ready belongs to --worker: `dualtrack status --worker --ready`", 2)
    parts = _workers(settings, must_be_ready=ready) if worker else _everything(settings)
    good = all(part.ok is not False for part in parts)
    if as_json:
        print_json({"ok": good, "parts": [part.as_dict() for part in parts]})
    else:
        _show(parts)
    if not good:
        raise typer.Exit(1)


def _everything(settings: "Settings") -> "list[Part]":
    from dualtrack.status import status_of

    return status_of(settings)


def _workers(settings: "Settings", *, must_be_ready: bool) -> "list[Part]":
    from dataclasses import replace

    from dualtrack.status import Part, worker_part
    from dualtrack.worker_notes import look_at_workers

    found = [one for one in look_at_workers(settings.workers_folder) if not one.elsewhere]
    if not found:
        return [Part("worker", False, f"none runs with the home {settings.home}, or it serves no HTTP")]
    parts = [(one, worker_part(one)) for one in found]
    if must_be_ready:
        return [replace(part, ok=one.ready) for one, part in parts]
    return [replace(part, ok=one.answers and one.healthy) for one, part in parts]


def _show(parts: "list[Part]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for part in parts:
        found = Text(part.found, "red" if part.ok is False else "")
        table.add_row(Text(*_MARKS[part.ok]), Text(part.name, "bold"), found)
    console().print(table)
