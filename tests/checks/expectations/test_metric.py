"""Rules for metrics."""

from typing import Any

import pytest

from checks.expectations.metric import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified

_SHARE: dict[str, Any] = {"metric": "market share", "unit": "percent", "denominator": "all API calls"}

EXAMPLES: Examples = {
    "metric.range-reversed": Example(
        make_classified("metric", value=None, low=9, high=5),
        make_classified("metric", value=None, low=5, high=5),
        "low 9 is above high 5",
    ),
    "metric.share-out-of-range": Example(
        make_classified("metric", **_SHARE, value=130), make_classified("metric", **_SHARE, value=30), "130 percent"
    ),
    "metric.value-off-range": Example(
        make_classified("metric", value=10, low=2, high=5),
        make_classified("metric", value=3, low=2, high=5),
        "value 10 is outside its own range 2 to 5",
    ),
    "metric.no-quantity": Example(
        make_classified("metric", value=None), make_classified("metric", value=None, low=1), "states no value"
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


@pytest.mark.parametrize("value", [-40, 250])
def test_growth_in_percent_is_no_share(runner: CheckRunner, value: int) -> None:
    growth = make_classified("metric", metric="revenue growth", unit="percent", denominator="2025", value=value)
    [checked] = runner.run([growth]).passed
    assert checked.warnings == ()


def test_a_share_may_be_stated_as_a_fraction(runner: CheckRunner) -> None:
    fields = {**_SHARE, "unit": "fraction"}
    result = runner.run([make_classified("metric", **fields, value=v) for v in ("0.3", "30")])
    assert len(result.passed) == len(result.rejected) == 1
    assert result.rejected[0].rule == "metric.share-out-of-range"
