"""``dualtrack doctor``: what is reachable, what is wrong, and how to mend it."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, wrong_setting

if TYPE_CHECKING:
    from dualtrack.diagnosis import Diagnosis

_MARKS: Final = {True: ("ok", "green"), False: ("wrong", "bold red"), None: ("-", "dim")}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(epilog=examples("dualtrack doctor", "dualtrack doctor --only broker --only store --json"))(doctor)


def doctor(
    context: typer.Context,
    only: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at Python, libraries, data, broker, definitions; exit code 1 when something is wrong."""
    from dualtrack.diagnosis import CHECKS, healthy

    unknown = set(only or ()) - CHECKS.keys()
    if unknown:
        raise fail(f"no check is called {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}", 2)
    diagnoses = _examine(context, only)
    if as_json:
        print_json([diagnosis.as_dict() for diagnosis in diagnoses])
    else:
        _show(diagnoses)
    if not healthy(diagnoses):
        raise typer.Exit(1)


def _examine(context: typer.Context, only: list[str] | None) -> "list[Diagnosis]":
    from pydantic import ValidationError

    from dualtrack.diagnosis import examine, examine_without_settings
    from dualtrack.settings import load_settings

    try:
        settings = load_settings(context.find_root().obj)
    except ValidationError as error:
        return examine_without_settings(wrong_setting(error), only)
    return examine(settings, only)


def _show(diagnoses: "list[Diagnosis]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in diagnoses:
        told = Text(item.found)
        if item.mend and item.ok is not True:
            told.append(f"\n→ {item.mend}", "yellow" if item.ok is False else "dim")
        table.add_row(Text(*_MARKS[item.ok]), Text(item.name, "bold"), told)
    console().print(table)
