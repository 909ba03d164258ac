"""``dualtrack predictions backtest`` over the seed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dualtrack.cli.backtesting import progress_line
from predictions.standing import Standing
from tests.dualtrack.kit import dualtrack, json_of

SEED = Path(__file__).parents[3] / "publishers" / "sources" / "seed"

DEFINITION = """
id: mine
title: Mine
claim: A company is worth a lot.
source: a test
made_on: 2026-01-01
conditions:
  large: {words: it is worth a billion, sql: valuation_usd >= 1e9}
readings:
  - id: main
    description: any
    deadline: 2027-01-01
    criterion: {exists: {from: facts_funding, where: [large]}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    dualtrack("load", *sorted(str(file) for file in SEED.glob("*.jsonl")), home=home)
    return home


def test_people_see_when_what_and_on_which_event(home: Path) -> None:
    shown = dualtrack("predictions", "backtest", "p3b", "--to", "2026-09-01", home=home)
    assert "2026-04-17 to 2026-09-01, by the day on which it was reported" in shown.stdout
    assert "2026-08-17  first evidence" in shown.stdout
    assert "OpenRouter was worth 1.3 billion in May" in shown.stdout


def test_a_file_is_judged_before_it_is_declared_and_programs_get_json_and_a_chart(home: Path, tmp_path: Path) -> None:
    file, chart = tmp_path / "mine.yaml", tmp_path / "chart.svg"
    file.write_text(DEFINITION)
    (found,) = json_of("predictions", "backtest", str(file), "--svg", str(chart), home=home)
    assert (found["id"], found["state"]) == ("mine", "met")
    assert [one["milestone"] for one in found["milestones"]][-1] == "met"
    assert found["milestones"][0]["cause"]["id"]
    drawing = chart.read_text()
    assert drawing.startswith("<svg ")
    assert drawing.count("<circle ") == len(found["milestones"])


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("p3b", "--from", "2026-09-01", "--to", "2026-05-01"), 2, "lies after --to"),
        (("p3b", "--from", "May"), 2, "write a day as 2026-06-01"),
        (("nobody",), 1, "no prediction is called 'nobody'"),
        (("missing.yaml",), 1, "missing.yaml:1: cannot be read"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    home: Path, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    shown = dualtrack("predictions", "backtest", *arguments, home=home, exit_code=exit_code)
    assert said in shown.stderr


def test_the_line_shows_the_progress_through_time() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def standing(day: int, progress: float) -> Standing:
        return Standing(begin + timedelta(days=day), "open", "unknown", progress, None, None, None, (), (), "")

    line = progress_line([standing(2, 0.0), standing(5, 1.0)], begin, begin + timedelta(days=10), width=10)
    assert line[0] == " "
    assert line[1:4] in ("▁▁▁", "___")
    assert line[4:] in ("██████", "######")
