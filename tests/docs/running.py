"""Runs the steps of a page: every command in this process, in a folder like a checkout in which the seed was loaded."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from unittest.mock import patch

from typer.testing import CliRunner

from dualtrack.cli.main import app
from tests.docs.pages import NOON, ROOT, Command, NewFile, NewTime, Step

WIDTH: Final = 120
SEED: Final = "publishers/sources/seed"
_LINKED: Final = ("publishers", "predictions", "registry", "docs", "schemas")
"""Folders of the checkout that commands may name."""


class WrongCommand(Exception):
    """A command that failed, or did not although the page says so."""


def load_seed(folder: Path) -> None:
    """Make ``var`` under the folder: the seed, loaded at ``NOON``."""
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    with _in(folder):
        files = [str(file.relative_to(ROOT)) for file in sorted((ROOT / SEED).glob("*.jsonl"))]
        _run(shlex.join(["dualtrack", "load", *files]), NOON)


def run_page(steps: Iterator[Step], seeded: Path, folder: Path) -> Iterator[tuple[Command, str]]:
    """Each command with what it printed; ``folder`` becomes a copy of the seeded one."""
    shutil.copytree(seeded, folder, symlinks=True, dirs_exist_ok=True)
    clock = NOON
    for step in steps:
        if isinstance(step, NewTime):
            clock = step.time
        elif isinstance(step, NewFile):
            (folder / step.name).write_text(step.text, "utf-8")
        else:
            with _in(folder):
                printed = _run(step.words, clock)
            yield step, printed


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    """Work in that folder, with the environment of a reader who has set nothing."""
    before = Path.cwd()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
    clean |= {"COLUMNS": str(WIDTH), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    os.chdir(folder)
    try:
        with patch.dict(os.environ, clean, clear=True):
            yield
    finally:
        os.chdir(before)


def _run(line: str, clock: datetime) -> str:
    """The real command, but for the clock, which stands still: what a page shows must not depend on the day.

    A command asks ``dualtrack.tools.utc_now`` for the time, imported where it runs and not at the top of its module.
    """
    command, _, pipe = line.partition(" | ")
    words = shlex.split(command, comments=True)[1:]
    with patch("dualtrack.tools.utc_now", lambda: clock):
        result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    failed = result.output.startswith(("error:", "Usage:"))
    if bool(result.exit_code) != failed:
        raise WrongCommand(f"{line}\nended with {result.exit_code}:\n{result.output}")
    if not pipe:
        return result.output
    piped = subprocess.run(pipe, shell=True, input=result.stdout, text=True, capture_output=True, timeout=60)  # noqa: S602
    if piped.returncode:
        raise WrongCommand(f"{line}\nended with {piped.returncode}: {piped.stderr}")
    return piped.stdout
