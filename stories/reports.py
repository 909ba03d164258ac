"""The reports of stories with what they state, as the store holds them. Reads only."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import duckdb

from registry.sources import Ranked, load_sources
from stories.origins import origin_key, origin_label
from stories.values import Stated

NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "deal": ("capacity_gw", "units", "duration_years"),
    "model-release": ("context_window", "training_compute_flop"),
    "benchmark": ("score",),
    "metric": ("value", "low", "high"),
    "policy": ("threshold_flop",),
}
"""Fields that are numbers and no money, by event type."""

_PARTS_OF_MONEY: Final = ("tranches.", "price.previous_")
"""Amounts that are no value of their own: parts of a whole that each report cuts differently, and what was before."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report of a story, by its version that holds."""

    story: str
    event: str
    source: str
    id: str
    event_type: str
    title: str
    publisher: str | None
    origin: str
    """Who first stated it, for people."""
    origin_key: str
    ranked: Ranked
    status: str
    occurred_on: date
    occurred_until: date
    reported_at: datetime
    urls: tuple[str, ...]
    corrects: str | None
    decided: bool
    story_key: str | None
    values: Mapping[str, Stated]
    """By field."""


_QUERY: Final = """
SELECT
    s.story, e.source, e.id, e.event_type, e.title, e.publisher, e.origin, e.status, e.occurred_on, e.occurred_until,
    epoch_us(e.reported_at), e.urls, e.corrects, s.decided, s.story_key, e.money, e.fields,
    list_transform(e.orgs, lambda o: o.id)
FROM story_events s
JOIN events e ON e.event_hash = s.event_hash
WHERE s.is_current AND s.story_hash IN (SELECT unnest(?::UBIGINT[]))
ORDER BY s.story, e.occurred_on, e.occurred_until, e.source, e.id"""


def reports_of(connection: duckdb.DuckDBPyConnection, stories: Collection[int]) -> list[StoredReport]:
    """The reports of stories (by hash), those of one story together and in order."""
    if not stories:
        return []
    return [_report(row) for row in connection.execute(_QUERY, [list(stories)]).fetchall()]


def stories_of(connection: duckdb.DuckDBPyConnection, event_hashes: Iterable[int]) -> set[int]:
    """The hashes of the stories of these events; nothing for an event that tells nothing any more."""
    rows = connection.execute(
        "SELECT DISTINCT story_hash FROM story_events "
        "WHERE story_hash IS NOT NULL AND event_hash IN (SELECT unnest(?::UBIGINT[]))",
        [list(event_hashes)],
    ).fetchall()
    return {hash for (hash,) in rows}


def _report(row: Sequence[Any]) -> StoredReport:
    (story, source, id, event_type, title, publisher, origin, status, first, last, reported, urls, corrects) = row[:13]
    decided, story_key, money, fields, org_ids = row[13:]
    stated = origin_label(publisher, origin, urls, source)
    return StoredReport(
        story=story,
        event=f"{source}#{id}",
        source=source,
        id=id,
        event_type=event_type,
        title=title,
        publisher=publisher,
        origin=stated,
        origin_key=origin_key(stated),
        ranked=load_sources().rank(publisher, urls, [one for one in org_ids or () if one]),
        status=status,
        occurred_on=first,
        occurred_until=last,
        reported_at=_EPOCH + timedelta(microseconds=reported),
        urls=tuple(urls),
        corrects=f"{corrects['source']}#{corrects['id']}" if corrects else None,
        decided=decided,
        story_key=story_key,
        values=dict(_values(event_type, money or (), fields)),
    )


def _values(event_type: str, money: Iterable[Mapping[str, Any]], fields: str | None) -> Iterator[tuple[str, Stated]]:
    for one in money:
        if one["value"] is not None and not one["field"].startswith(_PARTS_OF_MONEY):
            yield one["field"], Stated(one["value"], one["qualifier"], one["currency"], one["usd"])
    data = json.loads(fields, parse_float=Decimal) if fields else {}
    for name in NUMBERS.get(event_type, ()):
        value = _number(data.get(name))
        if value is not None:
            yield name, Stated(value)


def _number(value: Any) -> Decimal | None:
    """A number as it was written; numbers of many digits are sent as text."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
