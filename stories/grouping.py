"""Which reports are one story: a function of the reports and of people's decisions, whatever order they came in.

1. Reports with one key are taken in the order of their dates. Each joins the earliest story that it fits: it begins
   no more days after that story's *first* report than the rule allows (so a chain of reports cannot drift), and no
   detail that both state is different. Otherwise it begins a story.
2. What people decided is applied in the order in which it was decided: a merge makes the stories of its events one, a
   split takes its events out of the story of the others. A decision that was taken back does nothing.
3. A story is named by its first report.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Identity = tuple[str, str]
"""Source and id."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report: an event, or the newest version of a corrected one."""

    hash: int
    """Of the event that it began with."""
    name: str
    """The event that it began with, as ``source#id``: a correction does not change what a story is called."""
    key: str
    days: int
    occurred_on: date
    occurred_until: date
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[date, date, str]:
        """Order of the reports, from what they say alone."""
        return self.occurred_on, self.occurred_until, self.name


@dataclass(slots=True)
class Story:
    """A story while its reports are being found."""

    first: Report
    open_until: date
    """The last day on which a further report may begin."""
    details: dict[str, str]

    @classmethod
    def begun_by(cls, report: Report) -> "Story":
        """A story of one report."""
        return cls(report, report.occurred_until + timedelta(days=report.days), dict(report.details))

    def takes(self, report: Report) -> bool:
        """Does a report, which is no earlier than the first, fit?"""
        return report.occurred_on <= self.open_until and agree(self.details, report.details)


def agree(stated: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Is no detail that both state different?"""
    return all(stated.get(name, value) == value for name, value in others.items())


def group(reports: Iterable[Report]) -> dict[int, Story]:
    """The story of each report, by hash; people's decisions not yet applied."""
    found: dict[int, Story] = {}
    running: dict[str, list[Story]] = {}
    for report in sorted(reports, key=lambda one: one.order):
        stories = [one for one in running.get(report.key, ()) if one.open_until >= report.occurred_on]
        story = next((one for one in stories if one.takes(report)), None)
        if story is None:
            story = Story.begun_by(report)
            stories.append(story)
        else:
            story.details.update(report.details)
        running[report.key] = stories
        found[report.hash] = story
    return found


@dataclass(frozen=True, slots=True)
class StoryDecision:
    """A person's merge or split; ``order`` is its place among all decisions."""

    order: tuple[Any, ...]
    identity: Identity
    events: tuple[int, ...] = ()
    """Hashes of the events that are one story or, of a split, that leave."""
    apart_from: tuple[int, ...] | None = None
    """Of a split: hashes of the events that they leave; None for a merge."""
    takes_back: Identity | None = None

    @property
    def named(self) -> tuple[int, ...]:
        """Hashes of all events that it is about."""
        return (*self.events, *(self.apart_from or ()))


def standing(decisions: Iterable[StoryDecision]) -> list[StoryDecision]:
    """Those that nobody has taken back, in order. Taking back can be taken back too; only what is earlier can be."""
    kept: list[StoryDecision] = []
    taken_back: set[Identity] = set()
    for one in sorted(decisions, key=lambda decision: decision.order, reverse=True):
        if one.identity in taken_back:
            continue
        if one.takes_back is not None:
            taken_back.add(one.takes_back)
        else:
            kept.append(one)
    return kept[::-1]


def decide(
    grouped: Mapping[int, Story], report_of: Mapping[int, int], decisions: Sequence[StoryDecision]
) -> dict[int, frozenset[int]]:
    """The reports of each report's story after the standing decisions, by hash.

    ``report_of`` gives the report of an event. Events that are not there (yet) are passed over.
    """
    by_first: dict[int, set[int]] = {}
    for report, story in grouped.items():
        by_first.setdefault(story.first.hash, set()).add(report)
    of = {report: by_first[story.first.hash] for report, story in grouped.items()}
    for one in decisions:
        named = [report_of[event] for event in one.events if report_of.get(event) in of]
        if one.apart_from is None:
            together = set().union(*(of[report] for report in named))
        else:
            others = {report_of[event] for event in one.apart_from if report_of.get(event) in of} - set(named)
            together = {report for report in named if of[report] & others}
            for report in together:
                of[report].discard(report)
        for report in together:
            of[report] = together
    return {report: frozenset(reports) for report, reports in of.items()}
