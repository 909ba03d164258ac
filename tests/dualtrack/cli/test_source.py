"""``source``: files of others become events that load, and what is wrong with a file is told."""

import json
from pathlib import Path

from tests.dualtrack.kit import dualtrack, json_of

AIDER = """
- dirname: 2025-06-06--r1
  model: DeepSeek R1 (0528)
  pass_rate_2: 71.4
  date: 2025-06-06
  total_cost: 4.8016
"""

ARENA = """snapshot_date,commit,rank,model,arena_score,ci95,votes,organization
2025-01-24,abc,1,A,1382,+3/-3,100,Google
2025-01-24,abc,2,B,1357,+3/-3,100,DeepSeek AI
"""


def folder(tmp_path: Path) -> Path:
    (tmp_path / "polyglot_leaderboard.yml").write_text(AIDER)
    (tmp_path / "arena_history.csv").write_text(ARENA)
    return tmp_path


def test_the_list_names_every_source(tmp_path: Path) -> None:
    rows = json_of("source", "list", home=tmp_path)
    assert [row["name"] for row in rows] == ["epoch", "epoch-scores", "leaderboards", "prices"]
    assert "leaderboards" in dualtrack("source", "list", home=tmp_path).stdout


def test_a_run_writes_events_that_load_and_a_second_run_the_same(tmp_path: Path) -> None:
    there, file, again = folder(tmp_path), tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    ran = json_of("source", "run", "leaderboards", "--from", str(there), "--to", str(file), home=tmp_path)
    assert ran == {"source": "leaderboards", "events": 3, "file": str(file)}
    dualtrack("source", "run", "leaderboards", "--from", str(there), "--to", str(again), home=tmp_path)
    assert file.read_bytes() == again.read_bytes()
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [
        "2025-06-06--r1",
        "2025-01-24/A",
        "2025-01-24/B",
    ]
    loaded = json_of("load", str(file), home=tmp_path / "home")
    assert (loaded["input"], loaded["landed"]) == (3, 3)


def test_nothing_is_written_where_a_file_is_broken(tmp_path: Path) -> None:
    there, file = folder(tmp_path), tmp_path / "a.jsonl"
    (there / "arena_history.csv").write_text(ARENA.replace("arena_score", "score"))
    told = dualtrack(
        "source", "run", "leaderboards", "--from", str(there), "--to", str(file), home=tmp_path, exit_code=1
    )
    assert "arena_history.csv:1: the column 'arena_score' is missing" in told.stderr
    assert not file.exists()
    assert list(tmp_path.glob("*.partial")) == []


def test_an_unknown_source_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    run = ("source", "run")
    to = ("--from", str(tmp_path), "--to", str(tmp_path / "a.jsonl"))
    assert "no source is called 'x'" in dualtrack(*run, "x", *to, home=tmp_path, exit_code=1).stderr
    assert "holds no aider/polyglot" in dualtrack(*run, "leaderboards", *to, home=tmp_path, exit_code=1).stderr
