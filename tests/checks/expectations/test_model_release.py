"""Rules for model releases."""

import pytest

from checks.expectations.model_release import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified, usd

EXAMPLES: Examples = {
    "model-release.price-zero": Example(
        make_classified("model-release", price={"input": usd(0), "output": usd(0)}),
        make_classified("model-release", price={"input": usd("0.01"), "output": usd("0.02")}),
        "price.input 0 USD",
    ),
    "model-release.price-impossible": Example(
        make_classified("model-release", price={"input": usd(1e9)}),
        make_classified("model-release", price={"input": usd(3_000_000), "unit": "rack"}),
        "1e+09 USD per 1M tokens",
    ),
    "model-release.price-ratio": Example(
        make_classified("model-release", price={"input": usd(10), "output": usd("2.5")}),
        make_classified("model-release", price={"input": usd("2.5"), "output": usd(10)}),
        "output costs 0.25 times as much as input",
    ),
    "model-release.cached-dearer": Example(
        make_classified("model-release", price={"input": usd(1), "cached_input": usd(10)}),
        make_classified("model-release", price={"input": usd(10), "cached_input": usd(1)}),
        "cached input costs 10 times",
    ),
    "model-release.context-window": Example(
        make_classified("model-release", context_window=128),
        make_classified("model-release", context_window=128_000),
        "128 tokens is implausible",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


def test_a_number_too_large_for_a_float_is_a_warning_not_a_crash(runner: CheckRunner) -> None:
    [checked] = runner.run([make_classified("model-release", context_window=10**400)]).passed
    assert [finding.rule for finding in checked.warnings] == ["model-release.context-window"]


def test_a_price_change_alone_has_no_rule_against_it(runner: CheckRunner) -> None:
    price = {"input": usd(1), "output": usd(4), "previous_input": usd(3), "previous_output": usd(12)}
    [checked] = runner.run([make_classified("model-release", kind="price", price=price)]).passed
    assert checked.warnings == ()
