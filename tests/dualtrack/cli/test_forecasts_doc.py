"""docs/forecasts.md cannot drift: its commands are run in order in an empty folder, and print what stands there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualtrack import tools
from pipeline.flow import ValidateTools
from tests.dualtrack.kit import dualtrack, json_of

DOC = Path(__file__).parents[3] / "docs" / "forecasts.md"
HOME = Path("var")
VOLATILE = (
    (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}"), "TIME"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "HASH"),
)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the document, and what is printed below it."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def steady(text: str) -> list[str]:
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def test_every_command_prints_what_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened_tools: ValidateTools
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(tools, "validate_tools", lambda: opened_tools)
    found = list(commands(DOC.read_text("utf-8")))
    assert len(found) >= 8
    for command, printed in found:
        program, *words = shlex.split(command)
        if program == "cat":
            Path(words[0]).write_text(printed, "utf-8")
        else:
            assert steady(dualtrack(*words, home=HOME).stdout) == steady(printed), command
    (sql,) = re.findall(r"```sql\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    rows = json_of("query", sql, home=HOME)
    bins = json_of("predictions", "scores", home=HOME)["calibration"]
    assert [(row["n"], row["mean"], row["met"]) for row in rows] == [
        (one["count"], one["mean_forecast"], one["observed"]) for one in bins if one["count"]
    ]
