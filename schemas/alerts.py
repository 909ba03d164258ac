"""What people on alert are told: the value of a record on ``predictions.changed``, and of an outbox row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

ToldKey = tuple[str, str, int, str]
"""Prediction, reading, version and milestone: what tellings are numbered by."""


NOBODY: Final = "nobody"
"""The receiver of what no rule asks for: noted, so that a later rule does not tell the past, and not sent."""


NO_MILESTONES: Final = ("near miss", "deadline", "stale", "source conflict")
"""Kinds of alerts about a prediction that are no tellings of a milestone."""


class Alert(BaseModel):
    """A milestone of a prediction, or another happening that a rule asks for, told once to each receiver."""

    model_config = ConfigDict(frozen=True)

    key: str = Field(description="Idempotency key: the same milestone has the same key, however often it is sent.")
    prediction: str = Field(description="Empty where a saved query found an event, and in a digest.")
    reading: str
    version: int = Field(default=1, description="Of the definition that judged.")
    kind: str = Field(
        description="first evidence, progress, near miss, met, missed, annulled, unresolvable, retracted, deadline, "
        "stale, source conflict, match, digest, test"
    )
    milestone: str = Field(description="Name of the milestone as the definition gives it.")
    telling: int = Field(
        default=1,
        description="The n-th time that this milestone is told: odd where reached, even where it no longer is.",
    )
    title: str = Field(description="One line for people.")
    state: str
    progress: float
    known_at: datetime
    robustness: str = Field(
        default="", description="Of an outcome: whether it hangs on one source, on which, and what it would be without."
    )
    evidence: tuple[dict[str, Any], ...] = Field(description="Identities of the events, with titles, dates and urls.")
    rule: str | None = Field(default=None, description="The rule by which it is told.")
    body: str | None = Field(default=None, description="More for people, where the rule has a text of its own.")
    bundle: tuple[dict[str, Any], ...] = Field(
        default=(), description="Of a digest: key, kind, title, prediction, reading and time of each alert in it."
    )


@dataclass(frozen=True, slots=True)
class Addressed:
    """An alert, and who is to have it by which rule."""

    alert: Alert
    receivers: tuple[str, ...]
    rule: str | None = None
    at_most_per_hour: int | None = None
    """To each receiver by this rule; what is beyond waits and is told in a digest."""
