"""Epoch's capabilities index (ECI) as it was published again and again: what changes in a row becomes a correction.

Three snapshots are known, of 20 January, 22 February and 9 March 2026. The index is fitted anew each time, so that many
scores move a little without anything having happened to the model: each is a correction of the first event of that
row, known from the day of the snapshot. A row that vanishes, or loses its score, is a retraction.

Quirks, and what was decided:

- A model stands there once per reasoning effort and per host. Each row is an event; who wants one number per model
  takes the highest of a ``model``.
- Rows without a score or a release date say nothing yet: they become events when they have both.
- A score happens on the day the model is released: the index says how good it was then. ``Kimi-K2-Instruct-0905`` was
  dated a year too early in January 2026, which made it a Chinese lead of September 2024; the correction undoes it.
- Country is as written; of Google DeepMind's two the United Kingdom is left out, as Epoch did later.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from publishers.sources.signal import Signal, midnight
from publishers.sources.tables import SourceBroken, read_csv
from schemas.events import Benchmark

SOURCE: Final = "epoch/eci"
NAME: Final = "Epoch Capabilities Index"
FIRST: Final = date(2026, 1, 20)
"""The day of the snapshot that stands among the benchmarks, without a date in its name."""

_COLUMNS: Final = ("Model version", "ECI Score", "Release date", "Organization", "Country", "Model accessibility")
_BRITISH: Final = "United Kingdom of Great Britain and Northern Ireland"

Facts = dict[str, Any]


def signals(folder: Path) -> Iterator[Signal]:
    """Every snapshot in the order of publication, each as what it changed. Raises SourceBroken, OSError."""
    roots: dict[str, str | None] = {}
    before: dict[str, Facts] = {}
    for day, file in snapshots(folder):
        now = rows_of(file)
        for version in sorted(now.keys() | before.keys()):
            signal = _change(version, before.get(version), now.get(version), day, roots)
            if signal:
                yield signal
        before = now


def snapshots(folder: Path) -> list[tuple[date, Path]]:
    """The files of the index with the day of each, oldest first. Raises SourceBroken where there is none."""
    found = [(FIRST, folder / "benchmarks" / "epoch_capabilities_index.csv")]
    dated = (folder / "eci").glob("epoch_capabilities_index_*.csv")
    found += [(date.fromisoformat(file.stem.rsplit("_", 1)[1]), file) for file in dated]
    there = sorted((day, file) for day, file in found if file.is_file())
    if not there:
        raise SourceBroken(f"{folder} holds no epoch_capabilities_index*.csv: name the folder that does with --from")
    return there


def rows_of(file: Path) -> dict[str, Facts]:
    """What each row of a snapshot says about its model, by the model's version."""
    found = {}
    for row in read_csv(file, (*_COLUMNS, "Model name", "Display name")):
        score, released = row.number("ECI Score"), row.when("Release date")
        version = row.text("Model version")
        if score is None or released is None:
            continue
        model = row.text("Model name") or version
        developer = row.text("Organization").split(",")[0].strip()
        countries = [name.strip() for name in row.text("Country").split(",") if name.strip()]
        country = next((name for name in countries if name != _BRITISH), countries[0] if countries else None)
        found[version] = {
            "title": f"{row.text('Display name') or model}: {score:.1f} on Epoch's index",
            "occurred_on": str(released),
            "model_released_on": str(released),
            "model": model,
            "model_version": version,
            "score": score,
            **({"developer": developer} if developer else {}),
            **({"country": country} if country else {}),
            **({"accessibility": row.text("Model accessibility")} if row.text("Model accessibility") else {}),
        }
    return found


def _change(
    version: str, before: Facts | None, now: Facts | None, day: date, roots: dict[str, str | None]
) -> Signal | None:
    """What a snapshot says anew about a row, if anything.

    ``roots`` has the identity of the event that each row began as; None where that was taken back.
    """
    if before == now:
        return None
    later = f"{version}@{day}"
    root = roots.get(version)
    if now is None:
        roots[version] = None
        return _signal(later, day, {**(before or {}), "retracts": {"source": SOURCE, "id": root}})
    if root is None:
        roots[version] = version if version not in roots else later
        return _signal(roots[version] or later, day, now)
    return _signal(later, day, {**now, "corrects": {"source": SOURCE, "id": root}})


def _signal(id: str, day: date, facts: Facts) -> Signal:
    event = Benchmark.model_validate(
        {
            **facts,
            "benchmark": NAME,
            "benchmark_version": "2026",
            "unit": "index points",
            "publisher": "Epoch AI",
            "evaluator": "Epoch AI",
            "urls": ("https://epoch.ai/benchmarks/eci",),
            "provenance": f"Epoch AI, capabilities index of {day}, row {facts['model_version']}",
        }
    )
    return Signal(SOURCE, id, midnight(day), event)
