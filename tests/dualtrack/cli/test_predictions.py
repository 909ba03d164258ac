"""``dualtrack predictions``: an array for programs, a story for people."""

from pathlib import Path

import pytest

from publishers.sources.bad_inputs import SEED
from tests.dualtrack.kit import dualtrack, json_of


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the seed in it, which moves some predictions."""
    home = tmp_path_factory.mktemp("seeded")
    json_of("load", *map(str, sorted(SEED.glob("*.jsonl"))), home=home)
    return home


def test_list_is_an_array_of_readings(seeded: Path) -> None:
    rows = json_of("predictions", "list", home=seeded)
    assert {row["id"] for row in rows} == {"p1a", "p1b", "p2a", "p2b", "p3a", "p3b", "p4a", "p4b"}
    assert len({(row["id"], row["reading"]) for row in rows}) == len(rows)
    for row in rows:
        assert {"id", "reading", "state", "progress", "deadline", "evidence"} <= row.keys()
        assert 0 <= row["progress"] <= 1
        assert isinstance(row["evidence"], list)
    assert any(row["evidence"] for row in rows)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_fits_and_names_what_moved(seeded: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = dualtrack("predictions", "list", home=seeded).stdout
    assert "p1a  Other frontier labs" in shown
    assert "██" in shown
    assert "← " in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert "seed/" not in shown, "a title is missing"


def test_show_tells_claim_criterion_history_and_evidence(seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = json_of("predictions", "show", "p3b", home=seeded)
    shown = dualtrack("predictions", "show", "p3b", home=seeded).stdout
    assert told["title"] in shown
    for label in ("met when", "history", "evidence", "near miss"):
        assert label in shown
    address = told["readings"][0]["evidence"][0]["url"]
    assert address in shown, "an address stays in one piece"
    assert all(len(line) <= 80 or "https://" in line for line in shown.splitlines())


def test_a_reading_says_how_it_differs_from_the_first(seeded: Path) -> None:
    shown = dualtrack("predictions", "show", "p1a", home=seeded).stdout
    assert "as in literal, but" in shown
    assert "+ the lab takes new equity in the designer" in shown


def test_the_beginning_of_an_identity_is_enough_where_it_is_clear(seeded: Path) -> None:
    assert json_of("predictions", "show", "P1A", home=seeded)["id"] == "p1a"
    assert "may be p1a or p1b" in dualtrack("predictions", "show", "p1", home=seeded, exit_code=1).stderr
    for unknown in ("p9", ""):
        said = dualtrack("predictions", "show", unknown, home=seeded, exit_code=1).stderr
        assert f"no prediction is called '{unknown}'; there are p1a, p1b" in said


def test_where_nothing_has_landed_it_says_what_to_run(tmp_path: Path) -> None:
    for words in (["list"], ["show", "p1a"]):
        assert "dualtrack demo" in dualtrack("predictions", *words, home=tmp_path, exit_code=1).stderr
