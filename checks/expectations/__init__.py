"""The rules, one file per event type and one for all; CHECKS is the one list of them.

A file gives one constant, ``CHECKS``: columns, how to read them from an event, and the rules over them. Every rule
costs 4 to 6 ms per micro-batch, however small: run ``benchmarks/checks_benchmark.py`` before and after adding one.
"""

from typing import Final

from checks.expectations import (
    benchmark,
    common,
    deal,
    funding,
    headline,
    incident,
    metric,
    model_release,
    policy,
)
from checks.rule import Checks, Rule

CHECKS: Final[tuple[Checks, ...]] = (
    common.CHECKS,
    deal.CHECKS,
    model_release.CHECKS,
    benchmark.CHECKS,
    funding.CHECKS,
    metric.CHECKS,
    incident.CHECKS,
    policy.CHECKS,
    headline.CHECKS,
)

RULES: Final[tuple[Rule, ...]] = tuple(rule for checks in CHECKS for rule in checks.rules)

__all__ = ["CHECKS", "RULES"]
