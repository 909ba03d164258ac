"""A criterion in sentences: windows, denominators, what is unknown, and the queries that do it."""

import pytest

from predictions.explain import explanation, general_rules
from predictions.load import load_definitions
from tests.predictions.world import define

CONDITIONS = "  open: {words: the weights are open, sql: open_weights}"


def sentences(criterion: str, reading: str = "") -> str:
    definition = define(criterion, conditions=CONDITIONS, reading=reading)
    return "\n".join(explanation(definition, definition.readings[0])["sentences"])


@pytest.mark.parametrize(
    ("criterion", "told"),
    [
        (
            "{count_distinct: {from: facts_funding, of: company, where: [large], at_least: 2, unit: unicorns}}",
            [
                "Holds when at least 2 unicorns among funding events where the valuation is a billion or more; "
                "it happened between 2026-04-17 and 2027-04-17.",
                "Things are told apart by: company.",
                "After the deadline, 2027-04-17, it is missed",
            ],
        ),
        (
            "{share: {from: facts_model_release, of: model, where: [open], minimum: 20, above: 0.5, unit: models}}",
            [
                "Holds when the share of models (at least 20) that are model releases where the weights are open",
                "The denominator is all models, told apart by: model; each counts by its newest row in the window. "
                "With fewer than 20 the share is unknown.",
            ],
        ),
        (
            "{latest: {from: facts_metric, value: value, within: evaluator, below: 70, start: 90, unit: percent}}",
            ["Series are never mixed: evaluator. Where they differ, it is unknown.", "Progress runs from 90 to 70."],
        ),
        (
            "{leader: {from: facts_funding, per: sector, who: company, by: valuation_usd, out_of: 3, minimum: 2, "
            "at_least: 1}}",
            [
                "In each sector leads the company with the highest valuation_usd, where at least 2 compete.",
                "3 groups count",
            ],
        ),
        (
            "{sequence: {within: evaluator, first: {from: facts_metric, window: until}, then: {from: facts_metric}}}",
            [
                "Both steps are of one series, one denominator: evaluator.",
                "it happened by 2027-04-17, and on a later day",
            ],
        ),
        (
            "{sum: {from: facts_deal, value: amount_usd, per: title, below: 5, about: kind = 'cloud'}}",
            [
                "Of each title only the newest row is added.",
                "Only rows of facts_deal are looked at where: kind = 'cloud'.",
                "What only grows has not stayed below anything before the deadline",
            ],
        ),
    ],
)
def test_a_criterion_in_sentences(criterion: str, told: list[str]) -> None:
    text = sentences(criterion)
    assert [sentence for sentence in told if sentence not in text] == [], text


def test_deadlines_that_had_passed_and_annulments() -> None:
    text = sentences("{exists: {from: facts_deal}}", "    annulled_if: {words: the labs have merged}")
    assert "Annulled, never missed, if the labs have merged: when a person says so." in text
    p2b = next(one for one in load_definitions() if one.id == "p2b")
    assert "lay before the prediction" in "\n".join(explanation(p2b, p2b.readings[0])["sentences"])


def test_what_goes_for_every_reading() -> None:
    rule = "near_miss: {allow_unknown: true, except: [firm, window]}"
    plain, other = define("{exists: {from: facts_deal}}"), define("{exists: {from: facts_deal}}", conditions=rule)
    assert general_rules(plain)[-1] == "A near miss is an event that fails one condition, and all others hold."
    assert general_rules(other)[-1].endswith("and no other; not where that one is: it is firm; the window.")
    assert any("true, false, or unknown" in rule for rule in general_rules(plain))


@pytest.mark.parametrize("definition", load_definitions(), ids=lambda one: one.id)
def test_ours_are_explained_with_the_queries_that_judge_them(definition: object) -> None:
    from predictions.criterion import compile_reading
    from predictions.definition import Definition

    assert isinstance(definition, Definition)
    for reading in definition.readings:
        told = explanation(definition, reading)
        assert told["sentences"][0].startswith("Holds when ")
        assert [query["sql"] for query in told["queries"]] == [one.sql for one in compile_reading(definition, reading)]
