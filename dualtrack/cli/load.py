"""``dualtrack load``: files of events through the whole path, without a broker."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrack.cli.output import JsonOption, again, console, examples, fail, interruption_told, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.loading import LoadReport
    from dualtrack.settings import Settings

Load = Callable[[Sequence[Path], Callable[[int], None]], "LoadReport"]
Labels = Mapping[Path, str]
"""Paths to be read, in order, each as the user named it."""


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
    """Parse, enrich, classify, check and land files of events, as the workers do, without a broker.

    Every line ends in one outcome: landed, duplicate or rejected. Loading the same file again lands nothing.
    """
    from dualtrack.tools import writing
    from sinks.base import StoreLocked

    settings = settings_of(context)
    interrupted = "interrupted: what had landed stays, and the same command goes on from there"
    try:
        with _readable(files) as labels, writing(settings) as tools, interruption_told(interrupted):
            report = _with_progress(list(labels), tools.load, quiet=as_json)
    except StoreLocked as locked:
        publish = again(settings, f"publish {' '.join(files)}")
        raise fail(f"{locked}. Where that is a worker, send the events through it: {publish}") from None
    if as_json:
        print_json(_document(report, labels))
    else:
        _tell(settings, report, labels)


def _with_progress(paths: Sequence[Path], load_all: Load, *, quiet: bool) -> "LoadReport":
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(stderr=True)
    columns = (TextColumn("loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("load", total=sum(path.stat().st_size for path in paths))
        return load_all(paths, lambda size: progress.advance(task, size))


def _document(report: "LoadReport", labels: Labels) -> dict[str, object]:
    return {
        "input": report.input,
        "landed": report.landed.landed,
        "duplicate": report.landed.duplicate,
        "rejected": report.landed.rejected,
        "rejected_by_rule": dict(report.rejected_by_rule.most_common()),
        "redelivered": report.already_read,
        "loaded_before": [labels[Path(name)] for name in report.loaded_before],
    }


def _tell(settings: "Settings", report: "LoadReport", labels: Labels) -> None:
    out = console()
    landed = report.landed
    out.print(
        f"{report.input:,} inputs = {landed.landed:,} landed + {landed.duplicate:,} duplicate "
        f"+ {landed.rejected:,} rejected"
    )
    for name in report.loaded_before:
        out.print(f"{labels[Path(name)]} was loaded before: nothing in it is new", markup=False)
    if report.already_read and not report.loaded_before:
        out.print(f"{report.already_read:,} lines had been loaded before")
    if not report.input and not report.already_read:
        out.print("there was nothing to read: no line in it")
    if landed.rejected:
        _tell_rejections(settings, report, labels)
    for change in report.moved.values():
        now = change.history[-1]
        told = f"{change.definition.id} ({change.reading.id}) is {now.state} at {now.progress:.0%}: {now.detail}"
        out.print(told, markup=False)


def _tell_rejections(settings: "Settings", report: "LoadReport", labels: Labels) -> None:
    from dualtrack.cli.tables import shortened

    out = console()
    rules = ", ".join(f"{count:,} {rule}" for rule, count in report.rejected_by_rule.most_common())
    out.print(f"\nrejected: {rules}", markup=False)
    for item in report.examples:
        place = f"{labels[Path(item.path)]}:{item.line}"
        out.print(f"  {place}: {shortened(item.reason, 300)}", markup=False, soft_wrap=True)
    out.print(f"all of them: {again(settings, 'rejections list')}\n", markup=False, soft_wrap=True)


@contextmanager
def _readable(files: Sequence[str]) -> Iterator[Labels]:
    """The files as paths. A pipe is kept in a temporary file, because its hash is needed before its lines."""
    with tempfile.TemporaryDirectory(prefix="dualtrack-") as folder:
        labels: dict[Path, str] = {}
        for name in files:
            path = Path(name)
            if name != "-":
                _refuse_unless_readable(path)
            if name == "-" or not path.is_file():
                path = _kept(path, Path(folder) / str(len(labels)))
            labels[path] = name
        yield labels


def _refuse_unless_readable(path: Path) -> None:
    if path.is_dir():
        raise fail(f"{path} is a folder: name its files, such as {path / '*.jsonl'}", 2)
    if not path.exists():
        raise fail(f"there is no file {path} (here is {Path.cwd()}); - reads a pipe", 2)
    # A pipe is not opened to see: it can be opened once.
    if path.is_file():
        path.open("rb").close()


def _kept(source: Path, target: Path) -> Path:
    with target.open("wb") as kept:
        if str(source) == "-":
            shutil.copyfileobj(sys.stdin.buffer, kept)
        else:
            with source.open("rb") as stream:
                shutil.copyfileobj(stream, kept)
    return target
