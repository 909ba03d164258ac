"""Epoch AI's benchmark tables (CC BY 4.0; credit: Epoch AI, epoch.ai): one event per row.

Quirks, and what was decided:

- Scores are fractions in some tables and percentages in others: here all are percentages, METR's minutes apart.
- A run of Epoch's own happened when it started, and could be known then. A row of somebody else's board happened and
  was known on the day it was added. Where a table says neither, the score happened when the model was released, and
  known is the later of that day and the day of the snapshot.
- OSWorld names systems that are no model ("agi-0"): the agent stands for the model, and the developer is not known.
- One model stands there with several agents and efforts: each row is a result of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from publishers.sources.epoch import SNAPSHOT
from publishers.sources.signal import Signal, midnight, slug
from publishers.sources.tables import Row, read_csv
from schemas.events import Benchmark

SOURCE: Final = "epoch/benchmarks"


@dataclass(frozen=True, slots=True)
class Table:
    """A file and what its columns mean."""

    file: str
    name: str
    score: str
    scale: float
    happened: str = "Release date"
    unit: str = "percent"
    evaluator: str = "Epoch AI"
    agent: str = ""
    """The column that names the system where no model is named."""


TABLES: Final = (
    Table("frontiermath.csv", "FrontierMath", "mean_score", 100, "Started at"),
    Table("gpqa_diamond.csv", "GPQA Diamond", "mean_score", 100, "Started at"),
    Table("otis_mock_aime_2024_2025.csv", "OTIS Mock AIME 2024-2025", "mean_score", 100, "Started at"),
    Table("swe_bench_verified.csv", "SWE-bench Verified", "mean_score", 100, "Started at"),
    Table("os_world_external.csv", "OSWorld", "Score", 1, "Date added", evaluator="OSWorld", agent="Agent"),
    Table("arc_agi_external.csv", "ARC-AGI-1", "Score", 100, evaluator="ARC Prize", agent="Name"),
    Table("mmlu_external.csv", "MMLU", "EM", 100, evaluator="various"),
    Table(
        "metr_time_horizons_external.csv",
        "METR time horizon",
        "Time horizon",
        1,
        unit="minutes at 50 percent",
        evaluator="METR",
    ),
)
"""A new table is a new line."""


def signals(folder: Path) -> Iterator[Signal]:
    """Every row of every table that the folder has. Raises SourceBroken, OSError."""
    for table in TABLES:
        file = folder / "benchmarks" / table.file
        if file.is_file():
            yield from rows_of(file, table)


def rows_of(file: Path, table: Table) -> Iterator[Signal]:
    """The results of one table; rows without a score or a day say nothing."""
    columns = ("Model version", table.score, "Release date", "Organization", "Country", table.happened)
    for row in read_csv(file, (*columns, *([table.agent] if table.agent else []))):
        score, happened = row.number(table.score), row.when(table.happened)
        version = row.text("Model version")
        system = version or (row.text(table.agent) if table.agent else "")
        if score is None or happened is None or not system:
            continue
        known = happened.last if table.happened != "Release date" else max(happened.last, SNAPSHOT)
        agent = row.text(table.agent) if table.agent else ""
        # Boards name one system twice with different settings in other columns: the row's own key tells them apart.
        key = row.cells.get("id", "").strip() or f"{agent} {score:g}"
        yield Signal(
            SOURCE,
            slug(table.name, system, agent, str(happened), key),
            midnight(known),
            _event(row, table, score * table.scale, system),
        )


def _event(row: Row, table: Table, score: float, system: str) -> Benchmark:
    happened, released = row.when(table.happened), row.when("Release date")
    developer = row.text("Organization").split(",")[0].strip()
    link = row.cells.get("Source link", "").strip()
    facts: dict[str, Any] = {
        "title": f"{system}: {score:.4g} {table.unit} on {table.name}",
        "occurred_on": happened,
        "publisher": "Epoch AI",
        "evaluator": table.evaluator,
        "benchmark": table.name,
        "model": system,
        "model_version": row.text("Model version") or None,
        "developer": developer or None,
        "country": row.text("Country").split(",")[-1].strip()[:80] or None,
        "score": round(score, 6),
        "unit": table.unit,
        "model_released_on": str(released) if released else None,
        "urls": (link,) if link.startswith("http") else (),
        "agent": row.text(table.agent) if table.agent else None,
        "provenance": f"Epoch AI, {table.file}, row {row.cells.get('id', '').strip() or row.line}",
    }
    return Benchmark.model_validate({key: value for key, value in facts.items() if value is not None})
