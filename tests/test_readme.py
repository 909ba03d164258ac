"""The README cannot drift: every command in it is run as printed, every folder in it is there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))
LINES = [line for line in CONSOLE.splitlines() if ".venv/bin/dualtrack" in line]
COMMANDS = [line.removeprefix("$ .venv/bin/dualtrack ") for line in LINES]
COMMAND = [sys.executable, "-m", "dualtrack"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the seed in it, as the demo leaves one."""
    home = tmp_path_factory.mktemp("home")
    files = [str(path) for path in sorted((ROOT / "publishers" / "sources" / "seed").glob("*.jsonl"))]
    subprocess.run([*COMMAND, "--home", str(home), "load", *files], cwd=ROOT, check=True, capture_output=True)
    return home


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_runs_as_printed(words: str, home: Path) -> None:
    arguments = shlex.split(words, comments=True)
    env = {**os.environ, "DUALTRACK_HOME": str(home)}
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) >= 6


def test_the_line_of_sql_shows_what_moved_a_prediction(home: Path) -> None:
    sql = next(shlex.split(words)[1] for words in COMMANDS if "prediction_history" in words)
    command = [*COMMAND, "--home", str(home), "query", sql, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "OpenRouter" in done.stdout


def test_every_folder_it_names_is_there() -> None:
    named = re.findall(r"^\| `([a-z]+)/` \|", README, re.MULTILINE)
    assert len(named) >= 8
    assert all((ROOT / name).is_dir() for name in named)


def test_the_sdk_example_is_a_valid_event() -> None:
    example = re.search(r"publisher\.send\(\n(.*?)\n    \)\n```", README, re.DOTALL)
    assert example
    from schemas.events import Deal

    event = eval("(" + re.sub(r"^\s*Deal", "Deal", example[1]) + ")", {"Deal": Deal})  # noqa: S307
    assert event.kind == "compute supply"
