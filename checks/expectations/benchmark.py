"""Rules for benchmark results: percentages that are none."""

from typing import Final

from checks.cells import flag, is_percent
from checks.rule import ABSENT, REJECT, WARN, Cells, Checks, Rule, between
from schemas.events.benchmark import Benchmark
from schemas.outcomes import Classified

COLUMNS: Final = ("percent_score", "percent_score_fraction")


def read(event: Benchmark, _: Classified) -> Cells:
    """One cell for each of COLUMNS. A gap between two models may be negative, or above 100 percent."""
    if event.compared_with is not None or not is_percent(event.unit):
        return (None, None)
    return (event.score, flag(0 < event.score < 1))


RULES: Final = (
    Rule(
        "benchmark.percent-out-of-range",
        REJECT,
        "percent_score",
        between(0, 100),
        "score {value:g} {event.unit} is not between 0 and 100",
    ),
    Rule(
        "benchmark.percent-as-fraction",
        WARN,
        "percent_score_fraction",
        ABSENT,
        "score {event.score:g} {event.unit} is below 1 percent; is it a fraction?",
    ),
)

CHECKS: Final = Checks(event=Benchmark, columns=COLUMNS, read=read, rules=RULES)
