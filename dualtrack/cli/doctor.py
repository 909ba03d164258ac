"""``dualtrack doctor``: what is reachable, what is wrong, and how to mend it."""

from typing import Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

_MARKS = {True: "[green]ok[/]", False: "[bold red]wrong[/]", None: "[dim]-[/]"}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(epilog=examples("dualtrack doctor", "dualtrack doctor --only broker --only store --json"))(doctor)


def doctor(
    context: typer.Context,
    only: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at Python, libraries, data, broker, definitions; exit code 1 when something is wrong."""
    from rich.markup import escape

    from dualtrack.diagnosis import CHECKS, examine, healthy

    unknown = set(only or ()) - CHECKS.keys()
    if unknown:
        raise fail(f"no check is called {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}", 2)
    diagnoses = examine(settings_of(context), only)
    if as_json:
        print_json([diagnosis.as_dict() for diagnosis in diagnoses])
    else:
        out = console()
        for item in diagnoses:
            out.print(f"{_MARKS[item.ok]:<22} [bold]{item.name:<12}[/] {escape(item.found)}", soft_wrap=True)
            if item.mend and item.ok is not True:
                out.print(f"{'':<19}{escape(item.mend)}", style="yellow" if item.ok is False else "dim")
    if not healthy(diagnoses):
        raise typer.Exit(1)
