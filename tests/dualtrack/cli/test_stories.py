"""``dualtrack stories``: the seed's reports side by side, and what a person says about them."""

import json
from pathlib import Path
from typing import Any

import pytest

from publishers.sources.bad_inputs import SEED
from tests.dualtrack.kit import dualtrack, json_of

REPORT_200 = "seed/article#openai-cerebras-compute-200bn"
REPORT_20 = "seed/article#openai-cerebras-compute-20bn"
FUND = "sequoia-ai-fund"
WORD = ("--by", "Ada", "--why", "read both")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("seeded")
    json_of("load", *map(str, sorted(SEED.glob("*.jsonl"))), home=home)
    return home


def events_of(home: Path, name: str) -> set[str]:
    return {report["event"] for report in json_of("stories", "show", name, home=home)["reports"]}


def decide(home: Path, folder: Path, *arguments: str) -> Any:
    """What a person decides, by a file, since there is no Kafka here."""
    file = folder / "decisions.jsonl"
    said = json_of("stories", *arguments, *WORD, "--to", str(file), home=home)
    assert json_of("load", str(file), home=home)["landed"] == 1
    file.unlink()
    return said


def test_the_seeds_deal_of_200_or_20_billion_is_a_suspected_unit_error(seeded: Path) -> None:
    story = json_of("stories", "show", "openai-cerebras-compute-20bn", home=seeded)
    assert [(report["event"], report["rank"]) for report in story["reports"]] == [
        (REPORT_20, "report"),
        (REPORT_200, "aggregator"),
    ]
    assert story["independent_origins"] == 2
    (conflict,) = story["conflicts"]
    assert (conflict["field"], conflict["suspected_unit_error"]) == ("amount", 10)
    assert [claim["value"] for claim in conflict["claims"]] == [20_000_000_000, 200_000_000_000]
    assert "values differ in amount" in story["reports"][0]["why"]
    shown = dualtrack("stories", "show", REPORT_200, home=seeded).stdout
    assert "more than 200 bn USD" in shown
    assert "suspected unit error: a factor of 10" in shown


def test_the_page_shows_what_the_command_prints(seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = dualtrack("stories", "show", "openai-cerebras-compute-20bn", home=seeded).stdout
    page = Path(__file__).parents[3] / "docs" / "stories.md"
    written = (
        page.read_text("utf-8").split("$ dualtrack stories show openai-cerebras-compute-20bn\n")[1].split("```")[0]
    )
    assert [line.rstrip() for line in shown.splitlines()] == written.splitlines()


def test_the_list_can_be_narrowed(seeded: Path) -> None:
    assert len(json_of("stories", "list", home=seeded)) == 4
    disputed = json_of("stories", "list", "--conflicts", home=seeded)
    assert {story["story"] for story in disputed} == {
        REPORT_200,
        "seed/epoch#anthropic-amazon-2024-03-epoch",
        "seed/epoch#mistral-2024-06-epoch",
    }
    assert [story["story"] for story in json_of("stories", "list", "--org", "cerebras", home=seeded)] == [REPORT_200]
    assert len(json_of("stories", "list", "--all", "--limit", "7", home=seeded)) == 7
    assert "factor of 10" in dualtrack("stories", "list", home=seeded).stdout


def test_a_correction_is_a_version_and_no_second_report(seeded: Path) -> None:
    story = json_of("stories", "show", "eci-kimi-k2-0905", home=seeded)
    (report,) = story["reports"]
    assert report["corrects"] == "seed/epoch#eci-kimi-k2-0905-misdated"
    assert [older["event"] for older in story["superseded"]] == [report["corrects"]]


def test_a_merge_a_split_and_taking_both_back(seeded: Path, tmp_path: Path) -> None:
    alone = events_of(seeded, REPORT_200)
    decide(seeded, tmp_path, "merge", REPORT_200, FUND)
    assert events_of(seeded, REPORT_200) == alone | events_of(seeded, FUND)
    decide(seeded, tmp_path, "split", REPORT_20, "--from", FUND)
    assert events_of(seeded, REPORT_20) == {REPORT_20}
    told = json_of("stories", "decisions", home=seeded)
    assert [(one["kind"], one["by"], one["stands"]) for one in told] == [
        ("split-story", "Ada", True),
        ("merge-stories", "Ada", True),
    ]
    for one in told:
        decide(seeded, tmp_path, "undo", one["decision"])
    assert events_of(seeded, REPORT_20) == alone
    assert [one["stands"] for one in json_of("stories", "decisions", home=seeded)] == [None, None, False, False]
    assert "taken back" in dualtrack("stories", "decisions", home=seeded).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "nothing-like-it"), "no event is called"),
        (("merge", REPORT_20, REPORT_200, *WORD), "they are one story already"),
        (("merge", REPORT_20, "nothing", *WORD), "no event is called"),
        (("split", REPORT_20, "--from", FUND, *WORD), "nothing to split"),
        (("split", "stargate-500bn", "--from", "stargate-500bn", *WORD), "has no other report"),
        (("undo", "ffff", *WORD), "no merge or split begins with"),
    ],
)
def test_what_cannot_be_is_one_sentence(seeded: Path, arguments: tuple[str, ...], told: str) -> None:
    assert told in " ".join(dualtrack("stories", *arguments, home=seeded, exit_code=1).stderr.split())


def test_a_decision_says_who_and_why_and_names_two(seeded: Path) -> None:
    nobody = ("--by", " ", "--why", "x")
    assert "--by is empty" in dualtrack("stories", "merge", FUND, REPORT_20, *nobody, home=seeded, exit_code=2).stderr
    assert "two events" in dualtrack("stories", "merge", FUND, *WORD, home=seeded, exit_code=2).stderr


def test_without_a_kafka_it_says_how_to_go_on(seeded: Path) -> None:
    refused = dualtrack("stories", "merge", FUND, REPORT_20, *WORD, home=seeded, exit_code=1)
    assert "--to" in refused.stderr


def test_a_decision_that_says_nothing_is_rejected(seeded: Path, tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    body = {"specversion": "1.0", "id": "x", "source": "desk", "type": "ai.dualtrack.decision.merge-stories.v1"}
    file.write_text(json.dumps({**body, "data": {"by": "Ada", "events": [{"source": "a", "id": "b"}]}}) + "\n")
    assert json_of("load", str(file), home=seeded)["rejected_by_rule"] == {"invalid_decision": 1}
    (rejection,) = json_of("rejections", "list", home=seeded)
    assert "two events or more" in rejection["reason"]
