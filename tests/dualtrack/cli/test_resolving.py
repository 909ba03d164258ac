"""``predictions resolve`` and ``resolutions``: the person's word, and the machine's beside it."""

import json
from pathlib import Path

import pytest

from tests.dualtrack.kit import dualtrack, json_of


def test_the_audit_trail_has_who_when_why_the_verdicts_and_the_input(decided: Path) -> None:
    rows = json_of("predictions", "resolutions", home=decided)
    assert [(row["prediction"], row["reading"], row["outcome"]) for row in rows] == [
        ("p1a", "literal", "met"),
        ("p3a", "foothold", "missed"),
        ("p3a", "literal", "missed"),
        ("p3b", "literal", "annulled"),
    ]
    first = rows[0]
    assert (first["by"], first["why"], first["is_latest"], first["state_now"]) == ("Eve", "a filing", True, "met")
    assert (first["verdict_then"], first["verdict_now"]) == ("not met", "not met")
    assert first["topic"].startswith("file:")
    assert (first["partition"], first["offset"]) == (0, 6)
    assert json_of("predictions", "resolutions", "P3B", home=decided) == rows[3:]


def test_people_read_it(decided: Path) -> None:
    shown = dualtrack("predictions", "resolutions", "p1a", home=decided).stdout
    assert "p1a literal  met by Eve" in shown
    assert "why: a filing" in shown
    assert "machine's verdict: not met then, not met now" in shown
    assert "nobody has resolved p2a: dualtrack" in dualtrack("predictions", "resolutions", "p2a", home=decided).stdout
    said = dualtrack("predictions", "resolutions", "p9", home=decided, exit_code=1).stderr
    assert "no prediction is called 'p9'; there are p1a" in said


def test_show_keeps_the_machines_verdict_beside_the_persons(decided: Path) -> None:
    shown = dualtrack("predictions", "show", "p3b", home=decided).stdout
    assert "annulled by Eve" in shown
    assert "machine's verdict: not met then, not met now" in shown
    (reading,) = json_of("predictions", "show", "p3b", home=decided)["readings"]
    assert (reading["state"], reading["verdict"]) == ("annulled", "not met")
    assert [row["why"] for row in reading["resolutions"]] == ["they merged"]


GOOD = ("p1a", "--as", "met", "--by", "Eve", "--why", "a filing")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("p9", *GOOD[1:]), "no prediction is called 'p9'; there are p1a, p1b"),
        ((*GOOD, "--reading", "x"), "p1a has no reading 'x'; it has literal, strict"),
        (GOOD[:5], "Missing option '--why'"),
        ((*GOOD[:3], *GOOD[5:]), "Missing option '--by'"),
        ((*GOOD[:6], " "), "--why is empty"),
        ((*GOOD[:4], "", *GOOD[5:]), "--by is empty"),
        ((*GOOD[:4], "E" * 301, *GOOD[5:]), "by: String should have at most 300 characters"),
        (("p1a", "--as", "won", *GOOD[3:]), "'won' is not one of"),
    ],
)
def test_what_is_wrong_is_said(decided: Path, words: tuple[str, ...], told: str) -> None:
    said = dualtrack("predictions", "resolve", *words, "--to", "-", home=decided, exit_code=2)
    assert told in said.stderr
    assert said.stdout == ""


def test_without_a_kafka_it_says_what_to_do(decided: Path) -> None:
    said = dualtrack("predictions", "resolve", *GOOD, home=decided, exit_code=1).stderr
    assert f"add `--to decisions.jsonl`, then `dualtrack --home {decided} load decisions.jsonl`" in said


def test_all_readings_are_meant_where_none_is_named(decided: Path) -> None:
    said = dualtrack("predictions", "resolve", *GOOD, "--to", "-", home=decided)
    assert "reading" not in json.loads(said.stdout)["data"]
    assert "Eve resolves p1a (all readings: literal, strict" in said.stderr
    said = dualtrack("predictions", "resolve", *GOOD, "--reading", "Strict", "--to", "-", home=decided)
    assert json.loads(said.stdout)["data"]["reading"] == "strict"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    said = dualtrack("predictions", "resolve", *GOOD, "--to", str(tmp_path), home=tmp_path, exit_code=2).stderr
    assert f"{tmp_path} is a folder" in said
    nowhere = str(tmp_path / "no" / "f")
    said = dualtrack("predictions", "resolve", *GOOD, "--to", nowhere, home=tmp_path, exit_code=2).stderr
    assert f"there is no folder {tmp_path / 'no'}" in said
