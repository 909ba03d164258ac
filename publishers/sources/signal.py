"""A signal that a source has read: an event with its identity and the time from which on it could be known."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from schemas.envelope import StructuredEvent, event_type_name
from schemas.events import Event
from schemas.values import Money

_LONGEST_SLUG: Final = 120


@dataclass(frozen=True, slots=True)
class Signal:
    """One event of a source. The same row of the same file gives the same signal whenever it is read."""

    source: str
    id: str
    known: datetime
    """When a reader could have known it: the day of the report, else of the data set that says it."""
    event: Event

    def as_body(self) -> dict[str, Any]:
        """The CloudEvent, structured mode."""
        body = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": event_type_name(self.event.event_type, self.event.version),
            "time": self.known.isoformat(),
            "data": self.event.model_dump(mode="json", exclude_unset=True),
        }
        StructuredEvent.model_validate(body)
        return body


def write_signals(signals: Iterable[Signal], file: Path) -> int:
    """Write them as JSON lines, which ``dualtrack load`` reads; returns how many. The file appears whole or not."""
    partial = file.with_name(f"{file.name}.partial")
    count = 0
    try:
        with partial.open("w", encoding="utf-8") as out:
            for signal in signals:
                out.write(json.dumps(signal.as_body(), ensure_ascii=False) + "\n")
                count += 1
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return count


def slug(*parts: str) -> str:
    """A readable part of an identity: ``slug("Mar 2025 300B", "Stage 1")`` gives ``mar-2025-300b-stage-1``."""
    text = unicodedata.normalize("NFKD", " ".join(parts)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-")[:_LONGEST_SLUG].rstrip("-")


def midnight(day: date) -> datetime:
    """The first instant of a day, UTC."""
    return datetime.combine(day, time.min, UTC)


def usd(value: float) -> Money:
    """An amount in US dollars; a float keeps the digits that people read in it."""
    return Money.model_validate({"value": repr(value), "currency": "USD"})
