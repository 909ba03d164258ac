"""Rules for benchmark results."""

from typing import Any

import pytest

from checks.expectations.benchmark import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified

EXAMPLES: Examples = {
    "benchmark.percent-out-of-range": Example(
        make_classified("benchmark", score=885, unit="percent correct"),
        make_classified("benchmark", score=100, unit="percent correct"),
        "score 885 percent correct is not between 0 and 100",
    ),
    "benchmark.percent-as-fraction": Example(
        make_classified("benchmark", score=0.885), make_classified("benchmark", score=88.5), "score 0.885 percent"
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


@pytest.mark.parametrize(
    "fields",
    [
        {"score": 1412, "unit": "rating"},
        {"score": -2.7, "unit": "percent", "compared_with": "GPT-5"},
        {"score": -3, "unit": "percentage points"},
        {"score": 0, "unit": "%"},
    ],
    ids=["a rating", "a gap", "points", "nothing solved"],
)
def test_scores_that_are_no_percentages_of_a_whole_pass(runner: CheckRunner, fields: dict[str, Any]) -> None:
    [checked] = runner.run([make_classified("benchmark", **fields)]).passed
    assert checked.warnings == ()
