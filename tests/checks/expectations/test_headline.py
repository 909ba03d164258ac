"""Rules for headlines."""

import pytest

from checks.expectations.headline import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified

EXAMPLES: Examples = {
    "headline.published-out-of-range": Example(
        make_classified("headline", published_on="0026-04-16"),
        make_classified("headline", published_on="2026"),
        "published_on 0026-04-16",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)
