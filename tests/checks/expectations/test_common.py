"""Rules for every event."""

from datetime import timedelta
from typing import Any

import pytest

from checks.expectations.common import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import KNOWN_AT, make_classified, usd

EXAMPLES: Examples = {
    "common.title-blank": Example(
        make_classified("headline", title=" \t\u00a0\n"), make_classified("headline", title=" x "), "title is blank"
    ),
    "common.occurred-too-early": Example(
        make_classified(occurred_on="1875-03-01"),
        make_classified(occurred_on="1950"),
        "occurred_on 1875-03-01 is before 1950-01-01",
    ),
    "common.occurred-too-late": Example(
        make_classified(occurred_on="2190"), make_classified(occurred_on="2100"), "occurred_on 2190 is after 2100-12-31"
    ),
    "common.occurred-after-reported": Example(
        make_classified(occurred_on="2026-04-20"),
        make_classified(occurred_on="2026-04-19"),
        "occurred_on 2026-04-20 is 3 days after the report (2026-04-17)",
    ),
    "common.reported-after-known": Example(
        make_classified(reported_at=KNOWN_AT + timedelta(days=3)),
        make_classified(reported_at=KNOWN_AT + timedelta(days=1)),
        "3 days after it came in",
    ),
    "common.money-negative": Example(
        make_classified("funding", amount=usd(-1_500_000)),
        make_classified("funding", amount=usd(1_500_000)),
        "amount -1,500,000 USD is negative",
    ),
    "common.money-impossible": Example(
        make_classified("deal", amount=usd(2e15)), make_classified("deal", amount=usd(9e14)), "2e+15 USD"
    ),
    "common.money-huge": Example(
        make_classified("deal", amount=usd(3e12)), make_classified("deal", amount=usd(5e11)), "more than a trillion USD"
    ),
    "common.currency-unknown": Example(
        make_classified("funding", valuation=usd(5e9, "ZZZ")),
        make_classified("funding", valuation=usd(5e9, "TWD")),
        "ZZZ (in valuation) is no ISO 4217 currency code",
    ),
    "common.corrects-itself": Example(
        make_classified(id="a", corrects={"source": "tests", "id": "a"}),
        make_classified(id="a", corrects={"source": "tests", "id": "b"}),
        "it corrects itself (tests#a)",
    ),
    "common.retracts-itself": Example(
        make_classified(id="a", retracts={"source": "tests", "id": "a"}),
        make_classified(id="a", retracts={"source": "elsewhere", "id": "a"}),
        "it retracts itself (tests#a)",
    ),
    "common.scores-sum": Example(
        make_classified(scores={"cost": 0.5, "application": 0.4}),
        make_classified(scores={"cost": 0.6, "application": 0.4}),
        "sum to 0.9, not to 1",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": usd(8e14, "JPY")},
        {"amount": usd(1e20, "IRR")},
        {"amount": usd("999999999999999999999999999999")},
    ],
    ids=["rated in another currency", "no rate, and no currency is that weak", "30 digits"],
)
def test_large_amounts_are_refused_or_marked_by_what_they_are_worth(
    runner: CheckRunner, fields: dict[str, Any]
) -> None:
    result = runner.run([make_classified("deal", **fields)])
    rules = {rejected.rule for rejected in result.rejected} | {f.rule for c in result.passed for f in c.warnings}
    assert rules & {"common.money-impossible", "common.money-huge"}


def test_scores_that_are_not_numbers_do_not_pass(runner: CheckRunner) -> None:
    for scores in ({}, {"cost": float("nan")}, {"cost": float("inf")}):
        [rejected] = runner.run([make_classified(scores=scores)]).rejected
        assert rejected.rule == "common.scores-sum"
