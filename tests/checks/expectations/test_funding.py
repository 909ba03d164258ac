"""Rules for funding."""

import pytest

from checks.expectations.funding import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified, usd

EXAMPLES: Examples = {
    "funding.valuation-below-amount": Example(
        make_classified("funding", amount=usd(5e9), valuation=usd(2e9)),
        make_classified("funding", amount=usd(2e9), valuation=usd(5e9)),
        "valuation 2,000,000,000",
    ),
    "funding.amount-tiny": Example(
        make_classified("funding", amount=usd(200), valuation=None),
        make_classified("funding", amount=usd(200e6), valuation=None),
        "200 USD is tiny",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


def test_valuation_and_amount_in_two_currencies_are_compared_in_usd(runner: CheckRunner) -> None:
    lower = make_classified("funding", amount=usd(1e9), valuation=usd(9e10, "JPY"))
    [checked] = runner.run([lower]).passed
    assert [finding.rule for finding in checked.warnings] == ["funding.valuation-below-amount"]
