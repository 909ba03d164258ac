"""What an example of a rule is, and the one test that every rule with an example must stand."""

from dataclasses import dataclass

from checks.rule import REJECT, Rule
from checks.runner import CheckRunner
from schemas.outcomes import Classified


@dataclass(frozen=True)
class Example:
    """An event that fails a rule, one that passes it, and words that the reason must hold."""

    failing: Classified
    passing: Classified
    says: str


Examples = dict[str, Example]
"""By the rule's id."""


def assert_example(runner: CheckRunner, rule: Rule, examples: Examples) -> None:
    """The failing event is rejected (or warned of) by that rule and for that reason; the passing one is not."""
    example = examples[rule.id]
    # Together in one batch: a run costs the same for two events as for one.
    result = runner.run([example.failing, example.passing])
    *failing, clean = result.passed
    if rule.severity is REJECT:
        [rejected] = result.rejected
        reasons = {rejected.rule: rejected.reason}
    else:
        assert not result.rejected
        reasons = {finding.rule: finding.reason for checked in failing for finding in checked.warnings}
    assert example.says in reasons[rule.id]
    assert clean.classified is example.passing
    assert rule.id not in {finding.rule for finding in clean.warnings}
