"""Rules for incidents."""

import pytest

from checks.expectations.incident import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified

EXAMPLES: Examples = {
    "incident.grave-without-harm": Example(
        make_classified("incident", severity="fatal", harm=" "),
        make_classified("incident", severity="fatal", harm="two people died"),
        "severity is fatal, and no harm is stated",
    ),
    "incident.misaligned-not-attributed": Example(
        make_classified("incident", poorly_aligned=True, attributed_to_model=False),
        make_classified("incident", poorly_aligned=True),
        "not attributed to it",
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)
