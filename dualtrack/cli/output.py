"""Output for people on a terminal (rich) and for programs (JSON on standard output, everything else on stderr)."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from dualtrack.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def console(stderr: bool = False) -> "Console":
    """A console that follows the terminal; output in a pipe has no colours and is 120 columns wide."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output. Times and decimals become strings."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    sys.stdout.write("\n")


def print_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Rows as a table; says so where there are none."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not rows:
        out.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold cyan")
    names = list(columns or rows[0].keys())
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_text(row.get(name))) for name in names))
    out.print(table)


def cell_text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong on stderr; ``raise fail(...)`` ends the command with that code."""
    from rich.markup import escape

    console(stderr=True).print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    return typer.Exit(code)


def settings_of(context: typer.Context) -> "Settings":
    """The settings of this call, with ``--home`` applied."""
    from pydantic import ValidationError

    from dualtrack.settings import load_settings

    try:
        return load_settings(context.find_root().obj)
    except ValidationError as error:
        told = "; ".join(f"DUALTRACK_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_url=False))
        raise fail(f"a setting is wrong: {told}", 2) from None


@contextmanager
def faults_told() -> "Iterator[None]":
    """Turn a fault into its message and exit code 1: a person needs no traceback for a locked file."""
    from schemas.faults import Fault

    try:
        yield
    except Fault as fault:
        raise fail(str(fault)) from None


def examples(*lines: str) -> str:
    """The epilogue of a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)
