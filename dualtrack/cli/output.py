"""Output for people on a terminal (rich) and for programs (JSON on standard output, everything else on stderr)."""

import io
import json
import math
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from dualtrack.harmless import harmless_json

if TYPE_CHECKING:
    from pydantic import ValidationError
    from rich.console import Console

    from dualtrack.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

WIDTH_OF_A_PIPE: Final = 120

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""


class CommandGroup(TyperGroup):
    """The root of all commands: what may go wrong becomes a sentence and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with faults_told():
            return super().invoke(ctx)


def console(stderr: bool = False) -> "Console":
    """A console that follows the terminal; in a pipe it has no colours and is 120 wide, or as COLUMNS says."""
    from dualtrack.cli.screen import HarmlessConsole

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else shutil.get_terminal_size(fallback=(WIDTH_OF_A_PIPE, 24)).columns
    return HarmlessConsole(stderr=stderr, width=width, highlight=False)


def takes_unicode() -> bool:
    """May everything be written to standard output?"""
    return "utf" in (sys.stdout.encoding or "utf-8").lower()


def replace_what_cannot_be_written() -> None:
    """A question mark in the place of a character is better than a traceback in the place of the answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(value: Any) -> None:
    """One JSON document on standard output; see ``jsonable`` for what becomes of values that JSON does not know."""
    sys.stdout.write(_dumps(value, indent=2 if sys.stdout.isatty() else None))
    sys.stdout.write("\n")


def print_json_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """An array of objects, written as they come: there may be more of them than memory holds."""
    start = "["
    for row in rows:
        sys.stdout.write(start + _dumps(row))
        start = ",\n "
    sys.stdout.write("[]\n" if start == "[" else "]\n")


def jsonable(value: Any) -> Any:
    """A value as JSON has it: times as RFC 3339, decimals as numbers, bytes as text, NaN and infinity as null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return None
    if isinstance(value, float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="backslashreplace")
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return str(value)


def _dumps(value: Any, indent: int | None = None) -> str:
    # A terminal or pipe that takes no UTF-8 gets escapes, which every JSON reader undoes.
    return harmless_json(json.dumps(jsonable(value), ensure_ascii=not takes_unicode(), allow_nan=False, indent=indent))


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong, and what to do, on stderr; ``raise fail(...)`` ends the command with that code."""
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
        raise fail(wrong_setting(error), 2) from None


def wrong_setting(error: "ValidationError") -> str:
    """Which variable of the environment is wrong, and what to do."""
    from dualtrack.settings import Settings

    told = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        # A rule about several settings names them itself; their values are not told, for some are secrets.
        name = str(item["loc"][0]) if item["loc"] else ""
        shown = "" if name in Settings.secret_fields() else item["input"]
        told.append(f"DUALTRACK_{name.upper()}={shown}: {message}" if name else message)
    return f"a setting is wrong: {'; '.join(told)}. Correct or unset it"


def again(settings: "Settings", rest: str) -> str:
    """A command to be typed next, with the ``--home`` of this call where it is not the usual one."""
    home = str(settings.home)
    return f"dualtrack {rest}" if home == "var" else f"dualtrack --home {shlex.quote(home)} {rest}"


@contextmanager
def faults_told() -> "Iterator[None]":
    """Turn a fault, a file that cannot be used and Ctrl-C into a message and an exit code."""
    from schemas.faults import Fault

    try:
        with interruption_told("interrupted"):
            yield
    except Fault as fault:
        raise fail(str(fault)) from None
    except OSError as error:
        if error.filename is None:
            raise
        raise fail(_unusable(Path(str(error.filename)), error)) from None


@contextmanager
def interruption_told(message: str) -> "Iterator[None]":
    """Turn Ctrl-C into that message, which says what is done and what to do."""
    try:
        yield
    except KeyboardInterrupt:
        raise fail(message, INTERRUPTED) from None
    except RuntimeError as error:
        # What DuckDB makes of Ctrl-C.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        raise fail(message, INTERRUPTED) from None


def _unusable(path: Path, error: OSError) -> str:
    """What is wrong with a file or folder, and what to do."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{path} is a file, or lies in one, and a folder is needed: name another with --home or DUALTRACK_HOME"
    reason = (error.strerror or type(error).__name__).lower()
    return f"{path}: {reason}. Name another file, or another folder for all data with --home or DUALTRACK_HOME"


def examples(*lines: str | tuple[str, str]) -> str:
    """The epilogue of a command's help: commands to be pasted, each with a comment or without."""
    pairs = [(line, "") if isinstance(line, str) else line for line in lines]
    width = max((len(command) for command, comment in pairs if comment), default=0)
    shown = [f"{command:<{width}}  # {comment}" if comment else command for command, comment in pairs]
    return "Examples:\n\n" + "\n".join(f"  {line}" for line in shown)
