"""What two reports must share to be about one happening, by event type. Data for ``stories.grouping``.

Two reports may be one story when their *keys* are equal (who and what), no *detail* that both state is different (the
round, the stage, the unit), and the later one begins at most so many *days* after the story's first one.

A type without a rule (a headline) is never joined by itself: each is a story of its own until a person merges it. A
learned matcher of headlines belongs here: a rule whose key is the cluster that it finds.

Raise ``VERSION`` with every change: the writer then groups everything anew at its next start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from registry.loader import normalise

VERSION: Final = 1
"""Of these rules, and of how origins are read (``stories.origins``): both are stored with the reports."""

LONGEST_VAGUE: Final = timedelta(days=92)
"""Dates as vague as a quarter are compared by days. What is dated by its year joins only others of the same date."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at in an event."""

    event_type: str
    data: Mapping[str, Any]
    org_ids: Mapping[str, str | None]
    """Canonical id of each organisation by its name as written; None where the registry does not know it."""
    occurred_on: date
    occurred_until: date

    def who(self, name: Any) -> str:
        """The canonical id of an organisation, else its name without case, legal form and punctuation."""
        text = str(name).strip()
        return self.org_ids.get(text) or normalise(text) or text

    def org(self, field: str) -> str:
        """Who is named in a field; empty where nobody is."""
        return self.who(self.data[field]) if self.data.get(field) else ""

    def text(self, field: str) -> str:
        """A field as it is compared; empty where nothing is stated."""
        value = self.data.get(field)
        return "" if value is None else normalise(str(value)) or str(value).strip()


@dataclass(frozen=True, slots=True)
class Signature:
    """What is compared of one report."""

    key: str | None
    """Equal for reports that may be one story; None for a type that is never joined by itself."""
    days: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """How reports of one event type are compared."""

    days: int
    words: str
    """What the key is made of, for people."""
    key: Callable[[Facts], tuple[str, ...]]
    details: Callable[[Facts], Mapping[str, str]]


_ONE_SIDE: Final = frozenset({"lab", "buyer", "customer", "acquirer", "licensee", "tenant"})
_OTHER_SIDE: Final = frozenset({"designer", "supplier", "seller", "vendor", "target", "licensor", "provider"})


def _deal(facts: Facts) -> tuple[str, ...]:
    """Both sides; investors, advisers and the like only where one side is not named, for reports leave them out."""
    parties = facts.data.get("parties") or ()
    roles = {facts.who(party["name"]): str(party["role"]).strip().casefold() for party in parties}
    sides = [{who for who, role in roles.items() if role in side} for side in (_ONE_SIDE, _OTHER_SIDE)]
    chosen = sides[0] | sides[1] if all(sides) else set(roles)
    return str(facts.data.get("kind")), *sorted(chosen)


def _stated(facts: Facts, *fields: str) -> dict[str, str]:
    return {name: facts.text(name) for name in fields}


RULES: Final[Mapping[str, Rule]] = {
    "deal": Rule(30, "the same kind and the same two sides", _deal, lambda f: {}),
    "funding": Rule(30, "the same company", lambda f: (f.org("company"),), lambda f: _stated(f, "round")),
    "model-release": Rule(
        30,
        "the same kind, developer and model",
        lambda f: (f.text("kind"), f.org("developer"), f.text("model")),
        lambda f: _stated(f, "model_version"),
    ),
    "benchmark": Rule(
        30,
        "the same benchmark, model and unit",
        lambda f: (f.text("benchmark"), f.text("model"), f.text("unit")),
        lambda f: (
            _stated(f, "benchmark_version", "model_version", "compared_with")
            | {name: f.org(name) for name in ("developer", "evaluator")}
        ),
    ),
    "metric": Rule(
        0,
        "the same subject, metric, unit and dates",
        lambda f: (f.org("subject"), f.text("metric"), f.text("unit"), f"{f.occurred_on}..{f.occurred_until}"),
        lambda f: _stated(f, "denominator", "period", "series") | {"evaluator": f.org("evaluator")},
    ),
    "incident": Rule(14, "the same system", lambda f: (f.text("system"),), lambda f: {"developer": f.org("developer")}),
    "policy": Rule(
        30,
        "the same jurisdiction and instrument",
        lambda f: (f.text("jurisdiction"), f.text("instrument")),
        lambda f: _stated(f, "stage"),
    ),
}
"""By event type; each ``days`` counts from the last day on which the story's first report may have happened."""


def days_of(event_type: str, occurred_on: date, occurred_until: date) -> int:
    """For how long after it a story that begins with such a report takes further ones."""
    rule = RULES.get(event_type)
    return 0 if rule is None or _too_vague(occurred_on, occurred_until) else rule.days


def _too_vague(occurred_on: date, occurred_until: date) -> bool:
    return occurred_until - occurred_on > LONGEST_VAGUE


def signature(facts: Facts) -> Signature:
    """What is compared of an event."""
    rule = RULES.get(facts.event_type)
    if rule is None:
        return Signature(None)
    dates = facts.occurred_on, facts.occurred_until
    parts = [facts.event_type, *rule.key(facts)]
    if _too_vague(*dates):
        parts.append(f"{facts.occurred_on}..{facts.occurred_until}")
    details = {name: value for name, value in rule.details(facts).items() if value}
    return Signature(" | ".join(parts), days_of(facts.event_type, *dates), details)
