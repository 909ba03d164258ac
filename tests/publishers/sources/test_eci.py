"""The capabilities index: snapshots become events, corrections and retractions."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from publishers.sources import eci
from publishers.sources.signal import Signal
from publishers.sources.tables import SourceBroken
from schemas.events import Benchmark

DATA = Path(__file__).parents[4] / "shared" / "data" / "epoch_ai"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")

HEAD = "Model version,ECI Score,Release date,Organization,Country,Model accessibility,Model name,Display name\n"


def snapshot(folder: Path, day: str, *rows: str) -> None:
    file = folder / "benchmarks" / "epoch_capabilities_index.csv"
    if day:
        file = folder / "eci" / f"epoch_capabilities_index_{day}.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))


def changes(folder: Path) -> list[tuple[str, str, str | None, str | None]]:
    """(identity, day known, corrects, retracts)"""
    return [
        (
            one.id,
            str(one.known.date()),
            one.event.corrects.id if one.event.corrects else None,
            one.event.retracts.id if one.event.retracts else None,
        )
        for one in eci.signals(folder)
    ]


KIMI = "kimi,140.5,{day},Moonshot,China,Open weights (unrestricted),Kimi K2,"


def test_a_date_that_was_typed_wrong_is_corrected_once(tmp_path: Path) -> None:
    snapshot(tmp_path, "", KIMI.format(day="2024-09-05"))
    snapshot(tmp_path, "2026-02-22", KIMI.format(day="2025-09-05"))
    snapshot(tmp_path, "2026-03-09", KIMI.format(day="2025-09-05"))
    assert changes(tmp_path) == [
        ("kimi", "2026-01-20", None, None),
        ("kimi@2026-02-22", "2026-02-22", "kimi", None),
    ]


def test_a_row_that_vanishes_is_taken_back_and_one_that_returns_is_new(tmp_path: Path) -> None:
    snapshot(tmp_path, "", "a,130,2025-01-01,X,China,,A,", "b,131,2025-01-01,X,China,,B,")
    snapshot(tmp_path, "2026-02-22", "a,,2025-01-01,X,China,,A,", "b,131,2025-01-01,X,China,,B,")
    snapshot(tmp_path, "2026-03-09", "a,132,2025-01-01,X,China,,A,", "b,133,2025-01-01,X,China,,B,")
    snapshot(tmp_path, "2026-04-01", "a,134,2025-01-01,X,China,,A,", "b,133,2025-01-01,X,China,,B,")
    assert changes(tmp_path) == [
        ("a", "2026-01-20", None, None),
        ("b", "2026-01-20", None, None),
        ("a@2026-02-22", "2026-02-22", None, "a"),
        ("a@2026-03-09", "2026-03-09", None, None),
        ("b@2026-03-09", "2026-03-09", "b", None),
        ("a@2026-04-01", "2026-04-01", "a@2026-03-09", None),
    ]


def test_the_kingdom_is_left_out_where_there_is_another_country(tmp_path: Path) -> None:
    both = '"United Kingdom of Great Britain and Northern Ireland,United States of America"'
    snapshot(tmp_path, "", f"g,150,2025-01-01,Google DeepMind,{both},,G,")
    (signal,) = eci.signals(tmp_path)
    assert isinstance(signal.event, Benchmark)
    assert signal.event.country == "United States of America"


def test_a_folder_without_the_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="holds no epoch_capabilities_index"):
        list(eci.signals(tmp_path))


def said(name: str) -> set[str]:
    """Versions of which a snapshot says both a score and a day."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return {row["Model version"] for row in csv.DictReader(file) if row["ECI Score"] and row["Release date"]}


@needs_data
def test_what_changed_in_the_real_snapshots_is_what_epochs_revisions_list() -> None:
    """Corrections, against the list that somebody else made of the same files."""
    january, february, march = (
        said("benchmarks/epoch_capabilities_index.csv"),
        *(said(f"eci/epoch_capabilities_index_{day}.csv") for day in ("2026-02-22", "2026-03-09")),
    )
    both = {"2026-02-22": january & february, "2026-03-09": february & march}
    with (DATA / "eci" / "eci_revisions.csv").open(encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["field"] in ("ECI Score", "Release date")]
    moved = {
        (row["snapshot_date"], row["model_version"].strip())
        for row in listed
        if row["model_version"] in both[row["snapshot_date"]]
    }
    found = list(eci.signals(DATA))
    corrected = {
        (str(one.known.date()), str(getattr(one.event, "model_version", ""))) for one in found if one.event.corrects
    }
    assert len(moved) > 400
    assert moved - corrected == set()
    assert [id for id, times in Counter(one.id for one in found).items() if times > 1] == []


@needs_data
def test_every_correction_and_retraction_names_an_event_that_came_before() -> None:
    seen: dict[str, Signal] = {}
    for one in eci.signals(DATA):
        for target in (one.event.corrects, one.event.retracts):
            assert target is None or (target.source, target.id in seen) == (eci.SOURCE, True)
        seen[one.id] = one
