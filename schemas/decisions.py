"""What people decide, as events on the topic ``decisions``: resolving, forecasting, reviewing and the like."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from schemas.values import Name, Open, Text

DECISION_TYPE_PREFIX: Final = "ai.dualtrack.decision."


class DecisionKind(StrEnum):
    """What is decided."""

    RESOLVE = "resolve"
    FORECAST = "forecast"
    REVIEW = "review"
    ADD_ORGANISATION = "add-organisation"
    MERGE_STORIES = "merge-stories"
    DECLARE = "declare"


class Decision(Open):
    """A person's decision; the fields beside ``by`` and ``why`` depend on the kind and are kept as sent.

    ``resolve`` carries ``prediction``, ``reading`` and ``outcome`` (met, missed, annulled, unresolvable).
    """

    by: Name = Field(description="Who decided.")
    why: Text | None = None
    prediction: str | None = Field(default=None, max_length=200)
    reading: str | None = Field(default=None, max_length=200)
    outcome: Literal["met", "missed", "annulled", "unresolvable", "open"] | None = Field(
        default=None, description="What a reading is resolved as; open takes an earlier decision back."
    )


def decision_type(kind: DecisionKind) -> str:
    """The CloudEvents type of a decision: ``resolve`` gives ``ai.dualtrack.decision.resolve.v1``."""
    return f"{DECISION_TYPE_PREFIX}{kind}.v1"


def kind_of_type(cloudevents_type: str) -> DecisionKind | None:
    """The kind in a CloudEvents type; None when it is no decision."""
    middle = cloudevents_type.removeprefix(DECISION_TYPE_PREFIX).removesuffix(".v1")
    return next((kind for kind in DecisionKind if kind == middle), None)
