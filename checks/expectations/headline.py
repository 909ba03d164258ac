"""Rules for headlines: when they were published."""

from typing import Final

from checks.cells import EARLIEST, LATEST, ends, farthest_day
from checks.rule import REJECT, Cells, Checks, Rule, between
from schemas.events.headline import Headline
from schemas.outcomes import Classified

COLUMNS: Final = ("published_farthest_day",)


def read(event: Headline, _: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    return (farthest_day(ends(event.published_on)),)


RULES: Final = (
    Rule(
        "headline.published-out-of-range",
        REJECT,
        "published_farthest_day",
        between(EARLIEST, LATEST),
        "published_on {event.published_on} is not between 1950 and 2100; check the century",
    ),
)

CHECKS: Final = Checks(event=Headline, columns=COLUMNS, read=read, rules=RULES)
