"""``dualtrack predictions`` for auditors: what was said then, what moved it, what nearly counted."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from predictions import load
from predictions.load import FOLDER, load_definitions
from publishers.sources.bad_inputs import SEED
from tests.dualtrack.kit import dualtrack, json_of

REPORTED = ("--clock", "reported")
DECIDED = {
    "specversion": "1.0",
    "id": "mine",
    "source": "desk",
    "type": "ai.dualtrack.deal.v1",
    "time": "2026-09-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the seed in it."""
    home = tmp_path_factory.mktemp("seeded")
    json_of("load", *map(str, sorted(SEED.glob("*.jsonl"))), home=home)
    return home


def by_reading(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["id"], row["reading"]): row for row in rows}


def test_what_is_computed_for_now_is_what_is_stored(seeded: Path) -> None:
    stored = by_reading(json_of("predictions", "list", home=seeded))
    computed = by_reading(json_of("predictions", "list", "--known", "2999-01-01", home=seeded))
    assert stored.keys() == computed.keys()
    for key, row in stored.items():
        assert {name: computed[key][name] for name in row} == row


def test_before_the_load_nothing_was_known_but_it_was_reported(seeded: Path) -> None:
    words = ("predictions", "list", "--known", "2026-09-01")
    here = by_reading(json_of(*words, home=seeded))["p3b", "literal"]
    world = by_reading(json_of(*words, *REPORTED, home=seeded))["p3b", "literal"]
    assert (here["progress"], here["declared_later"], here["clock"]) == (0, True, "known")
    assert (world["progress"], world["declared_later"], world["clock"]) == (0.2, False, "reported")
    assert world["known"] == "2026-09-01T23:59:59.999999+00:00"
    shown = dualtrack(*words, home=seeded).stdout
    assert shown.startswith("As known at 2026-09-01 23:59:59 UTC:")
    assert "declared in this store only later" in shown


def test_as_of_a_day_only_what_had_happened_counts(seeded: Path) -> None:
    def progress(day: str) -> float:
        told = json_of("predictions", "show", "p3b", "--as-of", day, home=seeded)
        assert told["as_of"] == day
        return float(told["readings"][0]["progress"])

    assert (progress("2026-04-30"), progress("2026-05-01")) == (0, 0.2)


def test_show_cites_its_sources(seeded: Path) -> None:
    shown = dualtrack("predictions", "show", "p3b", home=seeded).stdout
    assert "Bloomberg (announced), reported 2026-08-17; input file:" in shown
    assert "price_usd = 1,300,000,000" in shown
    told = json_of("predictions", "show", "p3b", home=seeded)
    (item,) = told["readings"][0]["evidence"]
    assert item["topic"].startswith("file:")
    assert item["values"]["price_usd"] == 1.3e9
    assert told["readings"][0]["history"][-1]["hash"] == told["hash"]


def test_history_has_every_change_with_its_cause(seeded: Path) -> None:
    (reading,) = json_of("predictions", "history", "p3b", home=seeded)["readings"]
    causes = [step["cause"] and step["cause"]["id"] for step in reading["history"]]
    assert causes == [None, "stripe-openrouter-7bn", "openrouter-valuation-2026-05"]
    assert [item["id"] for item in reading["history"][-1]["gained"]] == ["openrouter-valuation-2026-05"]
    shown = dualtrack("predictions", "history", "p3b", "--revisions", home=seeded).stdout
    assert "+ openrouter: OpenRouter was worth 1.3 billion in May (2026-05-01)" in shown
    (reading,) = json_of("predictions", "history", "p1a", "--reading", "strict", home=seeded)["readings"]
    assert reading["reading"] == "strict"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("history", "p1a", "--reading", "lax"), 1, "p1a has no reading 'lax'; it has: literal, strict"),
        (("near", "p1a", "--reading", "lax"), 1, "p1a has no reading 'lax'; it has: literal, strict"),
        (("show", "p1a", "--version", "9"), 1, "p1a has no version 9; declared in this store: 1"),
        (("list", "--known", "yesterday"), 2, "--known yesterday: write a day as 2026-06-01"),
        (("list", "--as-of", "June"), 2, "--as-of June: write a day as 2026-06-01"),
        (("diff", "2026-06-02", "2026-06-01"), 2, "2026-06-01 lies before 2026-06-02"),
        (("diff", "2026-06-01", "2026-06-02", "p9"), 1, "no prediction is called 'p9'"),
    ],
)
def test_what_is_not_there_is_said(seeded: Path, words: tuple[str, ...], code: int, told: str) -> None:
    said = dualtrack("predictions", *words, home=seeded, exit_code=code).stderr
    assert told in " ".join(said.split())


def test_diff_says_what_changed_and_what_did_it(seeded: Path) -> None:
    words = ("predictions", "diff", "2026-06-01", "2026-09-01")
    (row,) = json_of(*words, "p3b", *REPORTED, home=seeded)
    assert (row["before"]["progress"], row["after"]["progress"]) == (0, 0.2)
    assert row["moved_by"][-1]["cause"]["publisher"] == "Bloomberg"
    shown = dualtrack(*words, *REPORTED, home=seeded).stdout
    assert "open 0% → open 20%" in shown
    assert "p1a strict" in shown
    assert "Nothing changed" in dualtrack("predictions", "diff", "2026-06-01", "2026-09-01", home=seeded).stdout


def test_near_lists_at_least_what_every_state_lists(seeded: Path) -> None:
    rows = by_reading(json_of("predictions", "list", home=seeded))
    for id in dict.fromkeys(id for id, _ in rows):
        for found in json_of("predictions", "near", id, home=seeded):
            items = found["near_misses"] + found["waiting_for_one_fact"]
            listed = {(item["id"], item["condition"]["name"]) for item in items}
            short = [item for item in rows[id, found["reading"]]["waiting"] if len(item["conditions"]) == 1]
            assert {(item["id"], item["conditions"][0]["name"]) for item in short} <= listed


def test_near_tells_what_failed_and_its_value(seeded: Path) -> None:
    shown = dualtrack("predictions", "near", "p3b", home=seeded).stdout
    assert "x does not hold: it is announced, signed or closed" in shown
    assert "firm = false" in shown
    assert (
        "failed one condition: none"
        in dualtrack("predictions", "near", "p3b", "--as-of", "2026-01-01", home=seeded).stdout
    )


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_everything_fits(seeded: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in (
        ("history", "p1a"),
        ("near", "p1a"),
        ("diff", "2026-01-01", "2026-09-01", *REPORTED),
        ("show", "p1a"),
    ):
        shown = dualtrack("predictions", *words, home=seeded).stdout
        longest = [
            line for line in shown.splitlines() if len(line) > columns and "file:" not in line and "://" not in line
        ]
        assert longest == []


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Path]:
    """A folder of definitions of one's own, read instead of ours."""
    folder = tmp_path / "definitions"
    shutil.copytree(FOLDER, folder)
    with patch.object(load, "load_sets", lambda _: load_definitions(folder)):
        yield folder


def test_an_edited_criterion_needs_a_new_version_and_both_stay_answerable(
    seeded: Path, edited: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(seeded, home)
    file, events = edited / "p3b_inference_cost.yaml", tmp_path / "none.jsonl"
    events.write_text("")
    text = file.read_text()
    file.write_text(text.replace("at_least: 5", "at_least: 6"))
    said = " ".join(dualtrack("load", str(events), home=home, exit_code=1).stderr.split())
    assert (
        "what version 1 of p3b judges was changed after it was declared: undo the change, or write `version: 2`" in said
    )
    assert f"{file.name}:" in said
    file.write_text(file.read_text().replace("version: 1", "version: 2"))
    assert json_of("load", str(events), home=home)["landed"] == 0
    new, old = (json_of("predictions", "show", "p3b", *words, home=home) for words in ((), ("--version", "1")))
    assert (new["version"], old["version"]) == (2, 1)
    assert old["hash"] == json_of("predictions", "show", "p3b", home=seeded)["hash"] != new["hash"]
    assert "at least 5" in old["readings"][0]["criterion"]
    assert (old["readings"][0]["progress"], json.dumps(old["judged_otherwise"])) == (0.2, "false")
    first, second = json_of("predictions", "versions", "p3b", home=home)
    assert (first["hash"], second["hash"]) == (old["hash"], new["hash"])
    shown = dualtrack("predictions", "versions", "p3b", home=home).stdout
    assert "p3b version 1" in shown
    assert "as in version 1, but" in shown or "at least 6 companies" in shown
