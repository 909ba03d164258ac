"""Boards that others keep: Aider's (YAML, with the cost of each run) and LMArena's (CSV, 89 snapshots).

Quirks, and what was decided:

- Aider: ``total_cost: 0`` means that the cost is not known, never that it was free; one entry says so in a comment.
  A run happened on its date. ``pass_rate_2`` is the published score.
- LMArena: every snapshot measures anew, so each row is an event of its own on the day of the snapshot, and no
  correction. The level of all ratings was shifted together three times in 2025: compare gaps within one snapshot.
  Of several versions of one day the last counts, and of a model that stands there twice the higher rank. DeepSeek,
  Zhipu and 01.AI go by several names; they are made one.
- LMArena gives no country: that of the developers that lead or follow closely is written here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from publishers.sources.signal import Signal, midnight, usd
from publishers.sources.tables import Row, SourceBroken, file_in, read_csv, read_yaml_list
from schemas.events import Benchmark
from schemas.values import PartialDate

AIDER: Final = "aider"
ARENA: Final = "lmarena"

_ALIASES: Final = {"DeepSeek AI": "DeepSeek", "Zhipu AI": "Zhipu", "Z.ai": "Zhipu", "01 AI": "01.AI"}

_COUNTRIES: Final = {
    **dict.fromkeys(
        ("Google", "OpenAI", "Anthropic", "Meta", "xAI", "Microsoft", "Nvidia", "Amazon", "IBM", "Databricks"),
        "United States of America",
    ),
    **dict.fromkeys(
        ("Alibaba", "DeepSeek", "Zhipu", "01.AI", "Tencent", "StepFun", "MiniMax", "Moonshot", "Tsinghua", "InternLM"),
        "China",
    ),
    "Mistral": "France",
    "Cohere": "Canada",
    "AI21 Labs": "Israel",
    "TII": "United Arab Emirates",
}


def signals(folder: Path) -> Iterator[Signal]:
    """Both boards, from a folder that holds ``aider`` and ``lmarena``. Raises SourceBroken, OSError."""
    yield from aider(folder)
    yield from arena(folder)


def aider(folder: Path) -> Iterator[Signal]:
    """Runs of Aider's polyglot benchmark with what they cost."""
    file = file_in(folder, "aider/polyglot_leaderboard.yml", "polyglot_leaderboard.yml")
    for entry in read_yaml_list(file, ("dirname", "model", "date", "pass_rate_2")):
        try:
            happened = PartialDate.parse(str(entry["date"]))
            score, cost = float(entry["pass_rate_2"]), float(entry.get("total_cost") or 0)
        except ValueError as error:
            raise SourceBroken(f"{file}: entry {entry['dirname']}: {error}") from error
        model = str(entry["model"])
        facts: dict[str, Any] = {
            "title": f"{model}: {score:g} percent on Aider's polyglot benchmark"
            + (f" for {cost:.2f} USD" if cost else ""),
            "occurred_on": happened,
            "publisher": "Aider",
            "evaluator": "Aider",
            "benchmark": "Aider polyglot",
            "model": model,
            "score": score,
            "unit": "percent",
            "urls": ("https://aider.chat/docs/leaderboards/",),
            "provenance": f"Aider, polyglot_leaderboard.yml, entry {entry['dirname']}",
        }
        if cost:
            facts["run_cost"] = usd(cost)
        yield Signal(AIDER, str(entry["dirname"]), midnight(happened.last), Benchmark.model_validate(facts))


def arena(folder: Path, top: int | None = None) -> Iterator[Signal]:
    """Ratings of LMArena's text board; with ``top``, of every snapshot only the first so many ranks."""
    file = file_in(folder, "lmarena/arena_history.csv", "arena_history.csv")
    columns = ("snapshot_date", "commit", "rank", "model", "arena_score", "ci95", "votes", "organization")
    latest: dict[str, str] = {}
    rows = list(read_csv(file, columns))
    for row in rows:
        latest[row.text("snapshot_date")] = row.text("commit")
    seen: set[str] = set()
    for row in rows:
        rank = row.number("rank")
        if row.text("commit") != latest[row.text("snapshot_date")] or (top and rank and rank > top):
            continue
        signal = _rating(row)
        if signal.id not in seen:
            yield signal
        seen.add(signal.id)


def _rating(row: Row) -> Signal:
    happened, score = row.when("snapshot_date"), row.number("arena_score")
    if happened is None or score is None:
        raise row.broken("arena_score", "a rating needs a day and a score")
    model = row.text("model")
    developer = _ALIASES.get(row.text("organization"), row.text("organization"))
    facts: dict[str, Any] = {
        "title": f"{model}: rated {score:g} on LMArena",
        "occurred_on": happened,
        "publisher": "LMArena",
        "evaluator": "LMArena",
        "benchmark": "LMArena text",
        "benchmark_version": str(happened),
        "model": model,
        "developer": developer or None,
        "country": _COUNTRIES.get(developer),
        "score": score,
        "unit": "rating",
        "rank": row.number("rank"),
        "votes": row.number("votes"),
        "urls": ("https://lmarena.ai/leaderboard/text",),
        "provenance": f"llm-leaderboard-csv, arena_history.csv, snapshot of {happened}",
    }
    event = Benchmark.model_validate({key: value for key, value in facts.items() if value is not None})
    return Signal(ARENA, f"{happened}/{model}", midnight(happened.last), event)
