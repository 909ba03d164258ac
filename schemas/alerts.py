"""What people on alert are told: the value of a record on ``predictions.changed``, and of an outbox row."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

ToldKey = tuple[str, str, int, str]
"""Prediction, reading, version and milestone: what tellings are numbered by."""


class Alert(BaseModel):
    """A milestone of a prediction, told once to each receiver, with its evidence."""

    model_config = ConfigDict(frozen=True)

    key: str = Field(description="Idempotency key: the same milestone has the same key, however often it is sent.")
    prediction: str
    reading: str
    version: int = Field(default=1, description="Of the definition that judged.")
    kind: str = Field(description="first evidence, progress, met, missed, annulled, retracted, ...")
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
