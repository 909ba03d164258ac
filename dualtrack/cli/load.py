"""``dualtrack load``: files of events through the whole path, without a broker."""

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, faults_told, print_json, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dualtrack.loading import LoadReport


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            "dualtrack load events.jsonl",
            "dualtrack load 2024.jsonl 2025.jsonl --json",
            "zcat events.jsonl.gz | dualtrack load -",
        )
    )(load)


def load(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...|-", help="JSON lines of CloudEvents; - is stdin.")],
    as_json: JsonOption = False,
) -> None:
    """Parse, enrich, classify, check and land files of events, as the workers do, without a broker."""
    from dualtrack.tools import writing

    settings = settings_of(context)
    with _paths(files) as paths, faults_told(), writing(settings) as tools:
        try:
            report = _with_progress(paths, tools.load, quiet=as_json)
        except KeyboardInterrupt:
            raise fail("interrupted: what had landed stays, and the same command goes on from there", 130) from None
    _print(report, as_json)


def _with_progress(paths: "Sequence[Path]", load_all: "Load", *, quiet: bool) -> "LoadReport":
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("load", total=sum(path.stat().st_size for path in paths))
        return load_all(paths, lambda size: progress.advance(task, size))


def _print(report: "LoadReport", as_json: bool) -> None:
    counts = {
        "input": report.input,
        "landed": report.landed.landed,
        "duplicate": report.landed.duplicate,
        "rejected": report.landed.rejected,
    }
    if as_json:
        print_json({**counts, "redelivered": report.already_read, "loaded_before": report.loaded_before})
        return
    out = console()
    out.print(
        f"{counts['input']:,} inputs = {counts['landed']:,} landed + {counts['duplicate']:,} duplicate "
        f"+ {counts['rejected']:,} rejected"
    )
    for name in report.loaded_before:
        out.print(f"{name} was loaded before: nothing in it is new")
    if report.already_read and not report.loaded_before:
        out.print(f"{report.already_read:,} lines had been loaded before")
    if counts["rejected"]:
        out.print("why: dualtrack rejections list")
    for change in report.moved():
        now = change.history[-1]
        out.print(f"{change.definition.id} ({change.reading.id}) is {now.state} at {now.progress:.0%}: {now.detail}")


@contextmanager
def _paths(files: list[str]) -> "Iterator[list[Path]]":
    """The files as paths; standard input is kept in a temporary file, because its hash is needed before its lines."""
    with tempfile.TemporaryDirectory(prefix="dualtrack-") as folder:
        paths = []
        for name in files:
            path = Path(name)
            if name == "-":
                path = Path(folder) / "stdin"
                with path.open("wb") as kept:
                    while chunk := sys.stdin.buffer.read(1 << 20):
                        kept.write(chunk)
            elif not path.is_file():
                raise fail(f"{name} is no file", 2)
            paths.append(path)
        yield paths


if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[[Sequence[Path], Callable[[int], None]], LoadReport]
