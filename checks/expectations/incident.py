"""Rules for incidents: answers that contradict each other."""

from typing import Final

from checks.cells import flag
from checks.rule import ABSENT, WARN, Cells, Checks, Rule
from schemas.events.incident import Incident, Severity
from schemas.outcomes import Classified

COLUMNS: Final = ("incident_no_harm", "incident_contradiction")

_GRAVE: Final = frozenset({Severity.SEVERE, Severity.FATAL})


def read(event: Incident, _: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    harm_stated = (event.harm and event.harm.strip()) or (event.harm_kind and event.harm_kind.strip())
    return (
        flag(event.severity in _GRAVE and not harm_stated),
        flag(event.poorly_aligned is True and event.attributed_to_model is False),
    )


RULES: Final = (
    Rule(
        "incident.grave-without-harm",
        WARN,
        "incident_no_harm",
        ABSENT,
        "severity is {event.severity}, and no harm is stated",
    ),
    Rule(
        "incident.misaligned-not-attributed",
        WARN,
        "incident_contradiction",
        ABSENT,
        "the model is called poorly aligned, and the incident is not attributed to it",
    ),
)

CHECKS: Final = Checks(event=Incident, columns=COLUMNS, read=read, rules=RULES)
