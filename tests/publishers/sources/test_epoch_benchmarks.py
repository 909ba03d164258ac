"""Epoch's benchmark tables: one scale, and the day of the run where it is known."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from publishers.sources import epoch_benchmarks
from publishers.sources.epoch import SNAPSHOT
from schemas.events import Benchmark

DATA = Path(__file__).parents[4] / "shared" / "data" / "epoch_ai"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")


def rows(folder: Path, name: str, text: str) -> list[tuple[date, Benchmark]]:
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / name).write_text(text)
    found = list(epoch_benchmarks.signals(folder))
    return [(one.known.date(), one.event) for one in found if isinstance(one.event, Benchmark)]


def test_a_run_happened_when_it_started_and_is_a_percentage(tmp_path: Path) -> None:
    head = "Model version,mean_score,Release date,Organization,Country,Started at,id\n"
    row = "gpt-5,0.632,2025-08-07,OpenAI,United States of America,2025-08-12T16:47:35.000Z,abc\n"
    ((known, event),) = rows(tmp_path, "swe_bench_verified.csv", head + row + row.replace("0.632", ""))
    assert (event.score, event.unit, str(event.occurred_on), known) == (
        63.2,
        "percent",
        "2025-08-12",
        date(2025, 8, 12),
    )
    assert event.model_released_on == "2025-08-07"


def test_a_system_that_is_no_model_goes_by_its_agent(tmp_path: Path) -> None:
    head = "Model version,Score,Release date,Organization,Country,Date added,Agent\n"
    ((known, event),) = rows(
        tmp_path, "os_world_external.csv", head + ",65.4,,,,2025-11-16,agi-0 (50 steps)\n,1,,,,,\n"
    )
    assert (event.model, event.developer, event.score, known) == ("agi-0 (50 steps)", None, 65.4, date(2025, 11, 16))


def test_without_a_day_of_its_own_a_score_is_known_from_the_snapshot(tmp_path: Path) -> None:
    head = "Model version,Time horizon,Release date,Organization,Country,id\n"
    ((known, event),) = rows(tmp_path, "metr_time_horizons_external.csv", head + "o,288.9,2025-11-24,Anthropic,US,x\n")
    assert (event.unit, str(event.occurred_on), known) == ("minutes at 50 percent", "2025-11-24", SNAPSHOT)


@needs_data
def test_every_table_is_there_with_sane_scores_and_unique_identities() -> None:
    found = list(epoch_benchmarks.signals(DATA))
    events = [one.event for one in found if isinstance(one.event, Benchmark)]
    assert {event.benchmark for event in events} == {table.name for table in epoch_benchmarks.TABLES}
    assert all(0 <= event.score <= 100 for event in events if event.unit == "percent")
    assert [id for id, times in Counter(one.id for one in found).items() if times > 1] == []
    assert all(one.event.occurred_on.last <= one.known.date() <= SNAPSHOT for one in found)
