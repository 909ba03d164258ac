"""Prices of model APIs, per million tokens: models.dev and LiteLLM (as tokencost copies it), both as git histories.

An added or changed listing is a model release of kind ``price``, with the price before where there was one. A listing
that is removed has the status ``terminated``: the price is not taken back, it ends.

Quirks, and what was decided:

- Only what the makers themselves charge is read: most rows are resellers and aggregators (three of four).
- A price of 0 is a free tier or a gap in the file, and is no price. What comes after 0 is a first price, no rise.
- The time is that of the commit, days to weeks after the price changed; it happened and was known on that day.
- A change within two days of the one before is taken for its correction (an output price that was typed wrong, a
  price that went up and back down): it corrects that event, and keeps the price that held before it.
- LiteLLM's first commit adds everything that was there already: those listings are a state, and no news.
- One model may be listed by a maker in two places (an alias, a Chinese site): each listing has prices of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from publishers.sources.signal import Signal, usd
from publishers.sources.tables import Row, file_in, read_csv
from schemas.events import ModelRelease
from schemas.values import PartialDate, Status

MODELS_DEV: Final = "models.dev"
LITELLM: Final = "tokencost"

CORRECTED_WITHIN: Final = timedelta(days=2)

MAKERS: Final = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Google",
    "gemini": "Google",
    "mistral": "Mistral AI",
    "deepseek": "DeepSeek",
    "xai": "xAI",
    "alibaba": "Alibaba",
    "alibaba-cn": "Alibaba",
    "moonshotai": "Moonshot AI",
    "moonshotai-cn": "Moonshot AI",
    "zai": "Zhipu AI",
    "zhipuai": "Zhipu AI",
    "minimax": "MiniMax",
    "minimax-cn": "MiniMax",
    "xiaomi": "Xiaomi",
    "stepfun": "StepFun",
    "cohere": "Cohere",
    "cohere_chat": "Cohere",
    "inception": "Inception",
    "llama": "Meta",
    "upstage": "Upstage",
}
"""Whose listings are the maker's own, by the provider's name in the files."""

_COLUMNS: Final = ("commit_time", "commit", "provider", "kind", "old_input_usd_mtok", "old_output_usd_mtok")

Pair = tuple[float | None, float | None]
"""Input and output."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The last event of a listing: what it corrects would be, and the price that held before it."""

    id: str
    at: datetime
    before: Pair


def signals(folder: Path) -> Iterator[Signal]:
    """Both histories, from a folder that holds ``models_dev`` and ``tokencost``. Raises SourceBroken, OSError."""
    yield from models_dev(folder)
    yield from litellm(folder)


def models_dev(folder: Path) -> Iterator[Signal]:
    """Listings of models.dev since June 2025."""
    file = file_in(folder, "models_dev/price_events_from_git.csv", "price_events_from_git.csv")
    yield from _history(MODELS_DEV, file, "model_id", first_is_state=False)


def litellm(folder: Path) -> Iterator[Signal]:
    """Listings of LiteLLM since January 2024."""
    file = file_in(folder, "tokencost/price_events.csv", "price_events.csv")
    yield from _history(LITELLM, file, "model", first_is_state=True)


def _history(source: str, file: Path, model_column: str, *, first_is_state: bool) -> Iterator[Signal]:
    rows = read_csv(file, (*_COLUMNS, model_column, "new_input_usd_mtok", "new_output_usd_mtok"))
    last: dict[tuple[str, str], _Last] = {}
    first_commit = ""
    for row in sorted(rows, key=_committed):
        first_commit = first_commit or row.text("commit")
        maker = MAKERS.get(row.text("provider"))
        if maker is None or (first_is_state and row.text("commit") == first_commit):
            continue
        signal = _listing(source, row, maker, row.text(model_column), last)
        if signal:
            yield signal


def _listing(source: str, row: Row, maker: str, model: str, last: dict[tuple[str, str], _Last]) -> Signal | None:
    """What one row says, if it says a price."""
    at, key = _committed(row), (row.text("provider"), model)
    now, before = _pair(row, "new"), _pair(row, "old")
    removed = row.text("kind") == "removed"
    if not any(before if removed else now):
        return None
    id = f"{key[0]}/{model}@{at:%Y-%m-%dT%H:%M}/{row.text('kind')}"
    facts: dict[str, Any] = {
        "occurred_on": PartialDate.of(at.date()),
        "publisher": source,
        "kind": "price",
        "developer": maker,
        "model": model,
        "listing": key[0],
        "urls": (_commit_url(source, row),),
        "provenance": f"{source}, commit {row.text('commit')[:12]}",
    }
    earlier = last.pop(key, None)
    if removed:
        facts |= {"title": f"{maker} no longer lists {model}", "status": Status.TERMINATED}
        facts["price"] = _price((None, None), before)
    else:
        if earlier and at - earlier.at <= CORRECTED_WITHIN:
            facts["corrects"] = {"source": source, "id": earlier.id}
            before = earlier.before
        facts |= {"title": f"{maker}: {model} at {_words(now)}", "price": _price(now, before)}
        # A correction keeps the age of what it corrects: a third change days later is a new one.
        last[key] = _Last(id, at, before) if "corrects" not in facts or not earlier else _Last(id, earlier.at, before)
    return Signal(source, id, at, ModelRelease.model_validate(facts))


def _price(now: Pair, before: Pair) -> dict[str, Any]:
    named = zip(("input", "output", "previous_input", "previous_output"), (*now, *before), strict=True)
    return {name: usd(value) for name, value in named if value}


def _words(price: Pair) -> str:
    return " / ".join("?" if value is None else f"{value:g}" for value in price) + " USD per million tokens"


def _pair(row: Row, age: str) -> Pair:
    values = (row.number(f"{age}_input_usd_mtok"), row.number(f"{age}_output_usd_mtok"))
    return values[0] or None, values[1] or None


def _committed(row: Row) -> datetime:
    text = row.text("commit_time")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise row.broken("commit_time", f"{text!r} is no time") from None
    if at.tzinfo is None:
        raise row.broken("commit_time", f"{text!r} has no time zone")
    return at.astimezone(UTC)


def _commit_url(source: str, row: Row) -> str:
    repository = "sst/models.dev" if source == MODELS_DEV else "AgentOps-AI/tokencost"
    return f"https://github.com/{repository}/commit/{row.text('commit')}"
