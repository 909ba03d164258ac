"""Classify: which race an event moves, with a score per track and the reasons. A first, explainable version.

Weights are added up and nothing is hidden: phrases and patterns of the text, fields of typed events, the kind of
organisation it is about, and two rules (below). All but the rules stand in registry/lexicon.yaml with the line of
labelling/GUIDE.md that each comes from. The sums go through a softmax, so the scores of cost, application, both and
none sum to 1. Below THRESHOLD the track is ``unsure``, and the last evidence says so.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import exp
from operator import attrgetter
from typing import Final, Self, TypeVar

from registry import loader
from registry.loader import FieldRule, Lexicon, OrgRegistry, Product, Reason, stems
from schemas.events import Deal, Event, Funding, Headline, ModelRelease
from schemas.outcomes import Classified, Enriched, Evidence
from schemas.values import Track

THRESHOLD: Final = 0.45
"""Smallest score that is called a verdict; chance is 0.25."""
MOST_EVIDENCE: Final = 12
SUMMARY_SHARE: Final = 0.75
"""What a word in the summary weighs, of its weight in the title."""

_PRIOR: Final = {Track.COST: 0.0, Track.APPLICATION: 0.3, Track.BOTH: 0.0, Track.NONE: 0.4}
_NAMES: Final = tuple(str(track) for track in _PRIOR)
_weight: Final = attrgetter("weight")
_BOTH_NEEDS: Final = 3.0
"""An item is ``both`` when cost and application each weigh about this much more than nothing."""
_STATED: Final = 1.5
"""What the reasons for cost or application must weigh in all for a cost or a use to be stated."""
_MORE_TEXT: Final = {
    "deal": ("summary", "vertical", "purpose"),
    "funding": ("summary", "sector", "vertical"),
    "metric": ("summary", "metric"),
    "model-release": ("summary", "vertical"),
}
"""Fields that hold words, by event type; the summary for all others."""
_ABOUT_MONEY: Final = frozenset({"raise", "raised", "raising", "funding", "valuation", "valued", "ipo", "round"})
_ORDINARY_WORDS: Final = frozenset(
    ["accel", "arena", "benchmark", "cruise", "epoch", "figure", "galaxy", "inception", "inflection", "lambda",
     "liquid", "modal", "mosaic", "poe", "rabbit", "reflection", "scale", "sierra", "together", "x", "yc"]
)  # fmt: skip
"""Names of organisations that a text without capitals may mean otherwise."""


T = TypeVar("T")
_Index = Mapping[str, tuple[tuple[list[str], T], ...]]
"""First word of a phrase to (its other words, what it means), longest first."""
_Found = tuple[Evidence, bool]
"""A reason, and whether it is a general one."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """What a phrase speaks for, and the row of the lexicon that it belongs to."""

    evidence: Evidence
    group: int
    general: bool


@dataclass(frozen=True, slots=True)
class ClassifyTools:
    """The lexicon in the forms that classify looks things up in; built once per process with ``load()``."""

    phrases: _Index[_Phrase]
    names: _Index[str]
    """Names of organisations, each with its archetype, for headlines."""
    patterns: tuple[tuple[re.Pattern[str], Evidence], ...]
    any_pattern: re.Pattern[str]
    """Finds something wherever one of the patterns does: most titles are done with one search."""
    fields: Mapping[str, tuple[tuple[FieldRule, frozenset[str]], ...]]
    """Event type to its rules, each with its values, case folded."""
    entities: Mapping[tuple[str, bool], Reason]
    """(archetype, is it about the company itself?) to the reason."""

    @classmethod
    def of(cls, lexicon: Lexicon, organisations: OrgRegistry, products: Iterable[Product]) -> Self:
        patterns, fields = lexicon.patterns, dict[str, tuple[tuple[FieldRule, frozenset[str]], ...]]()
        for rule in lexicon.fields:
            known = (rule, frozenset(value.casefold() for value in rule.values))
            fields[rule.event] = (*fields.get(rule.event, ()), known)
        return cls(
            phrases=_index(_phrases(lexicon, products)),
            names=_index(_names(organisations)),
            patterns=tuple((re.compile(p.pattern), Evidence("term", p.what, p.track, p.weight)) for p in patterns),
            any_pattern=re.compile("|".join(f"(?:{p.pattern})" for p in patterns)),
            fields=fields,
            entities={(str(rule.archetype), rule.about_company): rule for rule in lexicon.entities},
        )

    @classmethod
    def load(cls) -> Self:
        """From the files that the program ships; raises RegistryError."""
        return cls.of(loader.load_lexicon(), loader.load_organisations(), loader.load_products())


def classify(enriched: Enriched, tools: ClassifyTools) -> Classified:
    """The event's track, its scores and at most MOST_EVIDENCE reasons, strongest first. Never raises."""
    event = enriched.parsed.event
    words = stems(event.title)
    found = _from_words(words, event, tools)
    if tools.any_pattern.search(event.title):
        found += [(reason, False) for pattern, reason in tools.patterns if pattern.search(event.title)]
    found += _from_fields(event, tools)
    found += _from_entity(enriched, words, tools)
    evidence = _without_what_goes_without_saying(found)
    evidence += _from_rules(event, evidence)
    scores = _scores(evidence)
    best = Track(max(scores, key=scores.__getitem__))
    evidence.sort(key=_weight, reverse=True)
    if scores[best] >= THRESHOLD:
        return Classified(enriched, best, scores, tuple(evidence[:MOST_EVIDENCE]))
    unsure = Evidence("rule", f"no track reaches {THRESHOLD}: {best} has {scores[best]:.2f}", Track.UNSURE, 0.0)
    return Classified(enriched, Track.UNSURE, scores, (*evidence[: MOST_EVIDENCE - 1], unsure))


def _from_words(words: list[str], event: Event, tools: ClassifyTools) -> list[_Found]:
    """Phrases of the title, then those that only the summary or the texts of other fields have, each once.

    Phrases of one row of the lexicon say much the same, so the second of them counts half, the third a quarter.
    """
    phrases = {phrase.evidence.what: (phrase, 1.0) for phrase in _find(words, tools.phrases)}
    for text in filter(None, (getattr(event, name) for name in _MORE_TEXT.get(event.event_type, ("summary",)))):
        for phrase in _find(stems(text), tools.phrases):
            phrases.setdefault(phrase.evidence.what, (phrase, SUMMARY_SHARE))
    shares: dict[int, float] = {}
    found: list[_Found] = []
    for phrase, where in phrases.values():
        share = shares.get(phrase.group, 1.0)
        shares[phrase.group] = share / 2
        found.append((_weaker(phrase.evidence, share * where), phrase.general))
    return found


def _weaker(reason: Evidence, share: float) -> Evidence:
    return reason if share == 1.0 else Evidence(reason.kind, reason.what, reason.track, reason.weight * share)


def _without_what_goes_without_saying(found: list[_Found]) -> list[Evidence]:
    """General reasons (a round, a new model) make an item ``none`` unless it states a cost or a use: then half."""
    stated = sum(reason.weight for reason, _ in found if reason.track is not Track.NONE)
    if stated < _STATED:
        return [reason for reason, _ in found]
    return [_weaker(reason, 0.5) if general else reason for reason, general in found]


def _find(words: list[str], index: _Index[T]) -> Iterator[T]:
    """What the words name, from left to right, the longest phrase at each word."""
    at, end = 0, len(words)
    while at < end:
        step = 1
        for tail, meaning in index.get(words[at], ()):
            if not tail or words[at + 1 : at + 1 + len(tail)] == tail:
                yield meaning
                step += len(tail)
                break
        at += step


def _from_entity(enriched: Enriched, words: list[str], tools: ClassifyTools) -> list[_Found]:
    """The kind of organisation it is about: much where it is about the company itself, else little."""
    event = enriched.parsed.event
    if isinstance(event, Headline):
        archetype, about = next(_find(words, tools.names), None), not _ABOUT_MONEY.isdisjoint(words)
    else:
        company = _company(event)
        archetype = next((o.archetype for o in enriched.orgs if company in (None, o.name)), None)
        about = company is not None
    if (reason := tools.entities.get((archetype or "", about))) is None:
        return []
    what = f"{'about' if about else 'first named'}: {archetype}"
    return [(Evidence("entity", what, reason.track, reason.weight), reason.general)]


def _company(event: Event) -> str | None:
    """Whom a funding or a takeover is about."""
    if isinstance(event, Deal) and event.kind == "acquisition":
        return next((p.name for p in event.parties if p.role.casefold() in ("target", "acquired", "seller")), None)
    return event.company if isinstance(event, Funding) else None


def _from_fields(event: Event, tools: ClassifyTools) -> Iterator[_Found]:
    for rule, values in tools.fields.get(event.event_type, ()):
        value = getattr(event, rule.field, None)
        if value is None or value == ():
            continue
        items = (str(item).casefold() for item in (value if isinstance(value, tuple) else (value,)))
        what = next((f"is {item}" for item in items if item in values), None) if values else "is stated"
        if what:
            yield Evidence("field", f"{rule.field} {what}", rule.track, rule.weight), rule.general


def _from_rules(event: Event, evidence: list[Evidence]) -> list[Evidence]:
    """What takes more than one word or field to see."""
    rules: list[Evidence] = []
    if isinstance(event, Funding) and "fund" in (event.round or "").casefold().split():
        speaks_for = {reason.track for reason in evidence}
        if Track.BOTH in speaks_for or speaks_for >= {Track.COST, Track.APPLICATION}:
            rules.append(Evidence("rule", "a fund for applications and for infrastructure", Track.BOTH, 5.0))
    if isinstance(event, ModelRelease) and event.price is not None:
        old, new = event.price.previous_input, event.price.input
        if old is not None and new is not None and old.currency == new.currency and new.value < old.value:
            rules.append(Evidence("rule", "the price falls", Track.COST, 2.4))
    return rules


def _scores(evidence: Iterable[Evidence]) -> dict[str, float]:
    """Softmax of the sums. ``both`` is as likely as the weaker of cost and application beyond _BOTH_NEEDS."""
    sums = dict(_PRIOR)
    for reason in evidence:
        sums[reason.track] += reason.weight
    sums[Track.BOTH] += min(sums[Track.COST], sums[Track.APPLICATION]) - _BOTH_NEEDS
    top = max(sums.values())
    powers = [exp(value - top) for value in sums.values()]
    whole = sum(powers)
    return {name: power / whole for name, power in zip(_NAMES, powers, strict=True)}


def _index(phrases: Iterable[tuple[str, T]]) -> _Index[T]:
    index: dict[str, list[tuple[list[str], T]]] = {}
    for text, meaning in phrases:
        first, *tail = stems(text) or [text]
        index.setdefault(first, []).append((tail, meaning))
    return {first: tuple(sorted(found, key=lambda entry: -len(entry[0]))) for first, found in index.items()}


def _phrases(lexicon: Lexicon, products: Iterable[Product]) -> Iterator[tuple[str, _Phrase]]:
    """Every phrase with its meaning; the lexicon's own come before names of products."""

    def meaning(text: str, reason: Reason, group: int) -> tuple[str, _Phrase]:
        return text, _Phrase(Evidence("term", text, reason.track, reason.weight), group, reason.general)

    for group, term in enumerate(lexicon.terms):
        yield from (meaning(text, term, group) for text in term.phrases)
    rules = {rule.use: (rule, len(lexicon.terms) + at) for at, rule in enumerate(lexicon.products)}
    for product in products:
        if product.use in rules:
            yield from (meaning(text, *rules[product.use]) for text in (product.name, *product.aliases))


def _names(organisations: OrgRegistry) -> Iterator[tuple[str, str]]:
    for org in organisations.by_id.values():
        for name in (org.name, *org.aliases):
            if name.casefold() not in _ORDINARY_WORDS:
                yield name, str(org.archetype)
