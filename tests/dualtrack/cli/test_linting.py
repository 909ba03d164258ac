"""``predictions lint`` and ``explain``, as people and programs read them."""

import json
from pathlib import Path

import pytest

from predictions.load import FOLDER
from tests.dualtrack.kit import dualtrack, json_of

BAD = """\
id: bad
title: A bad one
claim: Something happens.
source: a test
made_on: 2026-04-17
conditions:
  firm: {words: it is firm, sql: statsu = 'signed'}
readings:
  - id: main
    description: the only one
    deadline: 2027-04-17
    criterion:
      share: {from: facts_deal, of: kind, where: [firm], above: 70}
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD, encoding="utf-8")
    return file


def test_ours_are_fine(tmp_path: Path) -> None:
    files = [str(file) for file in sorted(FOLDER.glob("*.yaml"))]
    shown = dualtrack("predictions", "lint", *files, home=tmp_path).stdout
    assert "8 files: 0 errors, 2 warnings" in shown
    assert "p4a_cut_cost_incident.yaml:47: warning: readings.0.deadline: the deadline lies before" in shown
    assert not (tmp_path / "dualtrack.duckdb").exists()


def test_everything_wrong_is_told_by_line(bad: Path, tmp_path: Path) -> None:
    shown = dualtrack("predictions", "lint", str(bad), home=tmp_path, exit_code=1).stdout
    assert f"{bad}:7: error: conditions.firm.sql: " in shown
    assert '"statsu" not found' in shown
    assert f"{bad}:13: error: readings.0.criterion.share.above: above 70 can never be reached" in shown
    assert "1 file: 2 errors, 1 warning" in shown


def test_for_programs(bad: Path, tmp_path: Path) -> None:
    shown = dualtrack("predictions", "lint", str(bad), "--json", home=tmp_path, exit_code=1).stdout
    found = json.loads(shown)
    assert [(item["line"], item["severity"]) for item in found] == [(7, "error"), (12, "warning"), (13, "error")]
    assert set(found[0]) == {"file", "line", "severity", "place", "message"}


def test_warnings_fail_where_they_are_asked_to(tmp_path: Path) -> None:
    file = str(FOLDER / "p4a_cut_cost_incident.yaml")
    dualtrack("predictions", "lint", file, home=tmp_path)
    dualtrack("predictions", "lint", file, "--strict", home=tmp_path, exit_code=1)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    shown = dualtrack("predictions", "lint", str(tmp_path / "no.yaml"), home=tmp_path, exit_code=1).stdout
    assert "no.yaml:1: error: cannot be read: No such file or directory" in shown


def test_explained_in_sentences_and_as_sql(tmp_path: Path) -> None:
    shown = dualtrack("predictions", "explain", "p3a", home=tmp_path).stdout
    assert "The denominator is all plans" in " ".join(shown.split())
    assert "SELECT" not in shown
    assert "SELECT * FROM candidates" in dualtrack("predictions", "explain", "p3a", "--sql", home=tmp_path).stdout


def test_explained_for_programs(tmp_path: Path) -> None:
    told = json_of("predictions", "explain", str(FOLDER / "p1b_nvidia_share.yaml"), home=tmp_path)
    reading = told["readings"][0]
    assert told["id"] == "p1b"
    assert [query["place"] for query in reading["queries"]] == ["criterion.sequence.first", "criterion.sequence.then"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("p1", "'p1' may be p1a or p1b: say which"),
        ("xyz", "no prediction is called 'xyz'"),
        ("x.yaml", "cannot be read"),
    ],
)
def test_what_is_meant_is_asked(wanted: str, words: str, tmp_path: Path) -> None:
    assert words in " ".join(dualtrack("predictions", "explain", wanted, home=tmp_path, exit_code=1).output.split())
