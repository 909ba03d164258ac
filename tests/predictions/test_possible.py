"""What no event could ever bring about is told without SQL, at its place; what some event could is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.definition import Path
from predictions.parts import Threshold
from predictions.possible import impossible, out_of_reach
from tests.predictions.world import define

CRITERION: Path = ("readings", 0, "criterion")


@pytest.mark.parametrize(
    ("criterion", "place", "words"),
    [
        (
            "{count_distinct: {from: facts_deal, of: kind, below: 0}}",
            ("count_distinct", "below"),
            "a count is 0 or more",
        ),
        (
            "{count_distinct: {from: facts_deal, of: kind, above: -1}}",
            ("count_distinct", "above"),
            "holds whatever happens",
        ),
        ("{sql: {query: FROM facts_deal, of: id, at_least: 0}}", ("sql", "at_least"), "holds whatever happens"),
        ("{share: {from: facts_deal, of: kind, at_least: 70}}", ("share", "at_least"), "write 0.7 for 70 %"),
        ("{share: {from: facts_deal, of: kind, above: 1}}", ("share", "above"), "a share lies between 0 and 1"),
        ("{share: {from: facts_deal, of: kind, below: 0}}", ("share", "below"), "a share lies between 0 and 1"),
        ("{share: {from: facts_deal, of: kind, below: 1.5}}", ("share", "below"), "holds whatever happens"),
        (
            "{leader: {from: facts_funding, per: sector, who: company, by: valuation_usd, out_of: 3, at_least: 4}}",
            ("leader", "at_least"),
            "at least 4 can never be reached: the value lies between 0 and 3",
        ),
        ("{latest: {from: facts_metric, value: value, below: 5, start: 5}}", ("latest", "below"), "`start` (5)"),
        ("{latest: {from: facts_metric, value: value, above: 5, start: 5}}", ("latest", "above"), "`start` (5)"),
        ("{latest: {from: facts_metric, value: value, at_least: 5, start: 6}}", ("latest", "at_least"), "`start` (6)"),
        (
            "{any_of: [{share: {from: facts_deal, of: kind, above: 2}}]}",
            ("any_of", 0, "share", "above"),
            "between 0 and 1",
        ),
        (
            "{all_of: [{count_distinct: {from: facts_deal, of: kind, at_least: 3}}, "
            "{count_distinct: {from: facts_deal, of: kind, below: 2, unit: kinds}}]}",
            ("all_of", 1, "count_distinct"),
            "below 2 and at least 3 of the same can never hold together",
        ),
    ],
)
def test_thresholds_out_of_reach(criterion: str, place: Path, words: str) -> None:
    ((path, message),) = impossible(define(criterion))
    assert path == (*CRITERION, *place)
    assert words in message


@pytest.mark.parametrize(
    "criterion",
    [
        "{count_distinct: {from: facts_deal, of: kind, below: 1}}",
        "{share: {from: facts_deal, of: kind, at_least: 1}}",
        "{share: {from: facts_deal, of: kind, below: 1}}",
        "{sum: {from: facts_deal, value: amount_usd, below: -1}}",
        "{latest: {from: facts_metric, value: value, below: 70, start: 90}}",
        "{latest: {from: facts_metric, value: value, at_least: 0}}",
        "{leader: {from: facts_funding, per: sector, who: company, by: valuation_usd, out_of: 3, at_least: 3}}",
        "{all_of: [{count_distinct: {from: facts_deal, of: kind, at_least: 3}}, "
        "{count_distinct: {from: facts_funding, of: company, below: 2}}]}",
        "{all_of: [{latest: {from: facts_metric, value: value, within: source, at_least: 3}}, "
        "{latest: {from: facts_metric, value: value, within: source, below: 2}}]}",
        "{any_of: [{count_distinct: {from: facts_deal, of: kind, at_least: 3}}, "
        "{count_distinct: {from: facts_deal, of: kind, below: 2}}]}",
    ],
)
def test_thresholds_within_reach(criterion: str) -> None:
    assert list(impossible(define(criterion))) == []


ANY = "{exists: {from: facts_deal}}"
STEPS = "{sequence: {first: {from: facts_deal%s}, then: {from: facts_policy}}}"


@pytest.mark.parametrize(
    ("window", "criterion", "place", "words"),
    [
        ("{from: 2027-04-18}", ANY, ("window", "from"), "after the deadline, 2027-04-17: no day is left"),
        ("{from: 2026-06-02, to: 2026-06-01}", ANY, ("window", "from"), "no day lies in it"),
        ("{to: 2027-04-18}", ANY, ("window", "to"), "the last day that counts is the deadline, 2027-04-17"),
        ("{from: 2026-06-01, to: 2026-06-01}", STEPS % "", ("criterion", "sequence"), "both steps have to happen on"),
    ],
)
def test_windows_without_a_day(window: str, criterion: str, place: Path, words: str) -> None:
    ((path, message),) = impossible(define(criterion, reading=f"    window: {window}"))
    assert path == ("readings", 0, *place)
    assert words in message


@pytest.mark.parametrize(
    ("window", "criterion"),
    [
        ("{from: 2027-04-17}", ANY),
        ("{from: 2026-06-01, to: 2026-06-01}", ANY),
        ("{to: 2027-04-17}", ANY),
        ("{}", ANY),
        ("{from: 2026-06-01, to: 2026-06-01}", STEPS % ", window: until"),
    ],
)
def test_windows_with_a_day(window: str, criterion: str) -> None:
    assert list(impossible(define(criterion, reading=f"    window: {window}"))) == []


def test_the_criterion_of_an_annulment_is_looked_at_too() -> None:
    annulled = "    annulled_if: {words: x, criterion: {share: {from: facts_deal, of: kind, above: 2}}}"
    ((path, _),) = impossible(define(ANY, reading=annulled))
    assert path == ("readings", 0, "annulled_if", "criterion", "share", "above")


@given(st.sampled_from(["at_least", "above", "below"]), st.integers(-3, 6), st.integers(1, 2))
def test_a_count_is_refused_just_where_no_count_could_hold_or_every_count_does(key: str, bound: int, most: int) -> None:
    definition = define(f"{{count_distinct: {{from: facts_deal, of: kind, {key}: {bound}}}}}")
    rule = definition.readings[0].criterion.count_distinct
    assert isinstance(rule, Threshold)
    verdicts = {rule.holds(count) for count in range(20)}
    assert bool(list(impossible(definition))) == (len(verdicts) == 1)
    assert bool(out_of_reach(rule, most)) == (not any(rule.holds(count) for count in range(most + 1)))
