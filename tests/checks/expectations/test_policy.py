"""Rules for policies."""

import pytest

from checks.expectations.policy import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified

EXAMPLES: Examples = {
    "policy.date-out-of-range": Example(
        make_classified("policy", duty_from="2226-08-02"),
        make_classified("policy", duty_from="2036-08-02"),
        "from 2226-08-02",
    ),
    "policy.duty-before-force": Example(
        make_classified("policy", in_force_from="2026-08-02", duty_from="2024-08-02"),
        make_classified("policy", in_force_from="2026-08-02", duty_from="2026-08-02"),
        "apply from 2024-08-02, before it is in force (2026-08-02)",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)
