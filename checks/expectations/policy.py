"""Rules for policies: the dates from which they bind."""

from typing import Final

from checks.cells import EARLIEST, LATEST, day_text, farthest_day
from checks.rule import REJECT, WARN, Cells, Checks, Rule, at_least, between
from schemas.events.policy import Policy
from schemas.outcomes import Classified

COLUMNS: Final = ("policy_farthest_day", "policy_days_to_duty")


def read(event: Policy, _: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    force, duty = event.in_force_from, event.duty_from
    return (
        farthest_day((force, duty)),
        duty.toordinal() - force.toordinal() if force is not None and duty is not None else None,
    )


def _odd_day(value: float, _: Policy, __: Classified) -> str:
    return f"it is in force or binds from {day_text(value)}, which is not between 1950 and 2100; check the century"


RULES: Final = (
    Rule("policy.date-out-of-range", REJECT, "policy_farthest_day", between(EARLIEST, LATEST), _odd_day),
    Rule(
        "policy.duty-before-force",
        WARN,
        "policy_days_to_duty",
        at_least(0),
        "its duties apply from {event.duty_from}, before it is in force ({event.in_force_from})",
    ),
)

CHECKS: Final = Checks(event=Policy, columns=COLUMNS, read=read, rules=RULES)
