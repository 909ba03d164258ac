"""The help: fast because nothing heavy is imported, and with examples that work for every command."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dualtrack.cli.main import app
from tests.dualtrack.kit import dualtrack

HEAVY = ("pandas", "great_expectations", "faust", "duckdb", "pyarrow", "kafka", "confluent_kafka", "pydantic")
NARROWEST = 80


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that name it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands(get_command(app)))


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import json, sys\n"
        "sys.argv = ['dualtrack', '--help']\n"
        "from dualtrack.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    *shown, heavy = done.stdout.splitlines()
    assert json.loads(heavy) == []
    assert any("Usage: dualtrack" in line for line in shown)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_examples_that_fit_and_name_real_commands_and_options(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(NARROWEST))
    shown = CliRunner().invoke(app, [*path, "--help"]).stdout
    assert ALL[path].help, "says nothing about itself"
    _, _, examples = shown.partition("Examples:")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    assert max(map(len, shown.splitlines())) <= NARROWEST
    for line in lines:
        words = shlex.split(line, comments=True)
        assert "dualtrack" in words, f"wrapped, or no command: {line}"
        check_words(words[words.index("dualtrack") + 1 :])


def check_words(words: list[str]) -> None:
    """The words of an example name a command, and options that it has."""
    path: tuple[str, ...] = ()
    options = {name for parameter in ALL[()].params for name in parameter.opts}
    if words[:1] == ["--home"]:
        words = words[2:]
    while words and (*path, words[0]) in ALL:
        path, words = (*path, words[0]), words[1:]
    assert path, words
    options |= {name for parameter in ALL[path].params for name in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in options] == []


def test_no_command_shows_the_help_and_an_unknown_one_says_so(tmp_path: Path) -> None:
    assert "Usage: dualtrack" in CliRunner().invoke(app, []).output
    assert "No such command" in dualtrack("lod", "file", home=tmp_path, exit_code=2).output


def test_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("dualtrack 0.")
