"""Where the reports of a story state different values: all of them side by side, each with its source."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

import duckdb

from stories.reports import StoredReport, reports_of, stories_of
from stories.values import Stated, camps, unit_error


@dataclass(frozen=True, slots=True)
class Claim:
    """What one report says about the field, and how close to it its publisher is."""

    report: StoredReport
    stated: Stated
    camp: int
    """Claims of one camp agree."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        report, stated = self.report, self.stated
        return {
            "event": report.event,
            "publisher": report.publisher,
            "origin": report.origin,
            "rank": report.ranked.rank.value,
            "value": stated.value,
            "currency": stated.currency,
            "qualifier": stated.qualifier,
            "usd": stated.usd,
            "camp": self.camp,
        }


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field of a story about which its reports do not agree."""

    story: str
    field: str
    claims: tuple[Claim, ...]
    """The closest publisher first."""
    suspected_unit_error: int | None
    """10, 100 or 1,000 where one value is that many times another."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "story": self.story,
            "field": self.field,
            "suspected_unit_error": self.suspected_unit_error,
            "claims": [claim.as_json() for claim in self.claims],
        }


def conflicts_in(connection: duckdb.DuckDBPyConnection, event_hashes: Iterable[int]) -> list[Conflict]:
    """The conflicts within the stories of these events: for alerts, after a batch has landed."""
    return conflicts_of_stories(connection, stories_of(connection, event_hashes))


def conflicts_of_stories(connection: duckdb.DuckDBPyConnection, stories: Iterable[int]) -> list[Conflict]:
    """The conflicts within stories (by hash)."""
    found: list[Conflict] = []
    for _, reports in groupby(reports_of(connection, list(stories)), key=lambda report: report.story):
        found += conflicts_among(list(reports))
    return found


def conflicts_among(reports: Sequence[StoredReport]) -> Iterator[Conflict]:
    """The conflicts between the reports of one story."""
    fields = dict.fromkeys(field for report in reports for field in report.values)
    for field in fields:
        claiming = [report for report in reports if field in report.values]
        claiming.sort(key=lambda report: (report.ranked.rank.place, report.reported_at, report.event))
        values = [report.values[field] for report in claiming]
        camp_of = {place: camp for camp, places in enumerate(camps(values)) for place in places}
        if len(set(camp_of.values())) < 2:
            continue
        claims = (Claim(report, values[place], camp_of[place]) for place, report in enumerate(claiming))
        factors = [factor for pair in combinations(dict.fromkeys(values), 2) if (factor := unit_error(*pair))]
        yield Conflict(claiming[0].story, field, tuple(claims), min(factors, default=None))
