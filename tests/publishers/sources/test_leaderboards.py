"""Boards: costs that are not known, several versions of a day, names that are one."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from publishers.sources import leaderboards
from publishers.sources.tables import SourceBroken
from schemas.events import Benchmark

DATA = Path(__file__).parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")

RUN = "- dirname: {name}\n  model: M\n  pass_rate_2: {score}\n  date: 2025-06-06\n{cost}"
HEAD = "snapshot_date,commit,rank,model,arena_score,ci95,votes,organization\n"


def aider(folder: Path, text: str) -> list[Benchmark]:
    (folder / "polyglot_leaderboard.yml").write_text(text)
    return [one.event for one in leaderboards.aider(folder) if isinstance(one.event, Benchmark)]


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("  total_cost: 4.8016\n", Decimal("4.8016")),
        ("  total_cost: 0.0000\n", None),
        ("  total_cost: 0 # incorrect: 6.3174\n", None),
        ("", None),
    ],
)
def test_a_cost_of_nothing_is_not_known(tmp_path: Path, cost: str, told: Decimal | None) -> None:
    (event,) = aider(tmp_path, RUN.format(name="a", score=71.4, cost=cost))
    assert (event.run_cost.value if event.run_cost else None) == told
    assert str(event.occurred_on) == "2025-06-06"


def test_a_score_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="entry a: "):
        aider(tmp_path, RUN.format(name="a", score="many", cost=""))


def arena(folder: Path, *rows: str, top: int | None = None) -> list[Benchmark]:
    (folder / "arena_history.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return [one.event for one in leaderboards.arena(folder, top) if isinstance(one.event, Benchmark)]


def test_of_one_day_the_last_version_counts_and_of_one_model_the_higher_rank(tmp_path: Path) -> None:
    events = arena(
        tmp_path,
        "2025-01-24,old,1,A,1300,,,Google",
        "2025-01-24,new,1,A,1382,,,Google",
        "2025-01-24,new,2,B,1357,,,DeepSeek AI",
        "2025-01-24,new,3,B,1340,,,DeepSeek",
        "2025-01-25,later,1,A,1381,,,Google",
    )
    assert [(event.model, event.score, event.developer, event.country) for event in events] == [
        ("A", 1382, "Google", "United States of America"),
        ("B", 1357, "DeepSeek", "China"),
        ("A", 1381, "Google", "United States of America"),
    ]
    assert [event.corrects for event in events] == [None, None, None]


def test_only_the_first_ranks_where_they_are_asked_for(tmp_path: Path) -> None:
    rows = [f"2025-01-24,c,{rank},M{rank},1300,,,Google" for rank in range(1, 6)]
    assert [event.model for event in arena(tmp_path, *rows, top=2)] == ["M1", "M2"]


@needs_data
def test_the_real_boards_have_unique_identities() -> None:
    found = [*leaderboards.aider(DATA), *leaderboards.arena(DATA)]
    assert len(found) > 15_000
    assert [id for id, times in Counter((one.source, one.id) for one in found).items() if times > 1] == []
