"""What people decide, as events on the topic ``decisions``: resolving, forecasting, reviewing and the like."""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, StrictBool, model_validator
from pydantic.json_schema import WithJsonSchema

from schemas.values import Identity, Name, Open, Text

DECISION_TYPE_PREFIX: Final = "ai.dualtrack.decision."


class DecisionKind(StrEnum):
    """What is decided."""

    RESOLVE = "resolve"
    FORECAST = "forecast"
    REVIEW = "review"
    ADD_ORGANISATION = "add-organisation"
    MERGE_STORIES = "merge-stories"
    SPLIT_STORY = "split-story"
    DECLARE = "declare"


STORY_KINDS: Final = frozenset({DecisionKind.MERGE_STORIES, DecisionKind.SPLIT_STORY})


class Decision(Open):
    """A person's decision; the fields beside ``by`` and ``why`` depend on the kind and are kept as sent.

    ``resolve`` carries ``prediction``, ``reading`` and ``outcome`` (met, missed, annulled, unresolvable).
    ``merge-stories`` carries ``events``; ``split-story`` ``events`` and ``apart_from``; either may carry
    ``takes_back`` instead.
    """

    by: Name = Field(description="Who decided.")
    why: Text | None = None
    prediction: str | None = Field(default=None, max_length=200)
    reading: str | None = Field(default=None, max_length=200)
    outcome: Literal["met", "missed", "annulled", "unresolvable", "open"] | None = Field(
        default=None, description="What a reading is resolved as; open takes an earlier decision back."
    )
    events: tuple[Identity, ...] = Field(
        default=(), max_length=200, description="Events that are one story (merge) or that leave it (split)."
    )
    apart_from: tuple[Identity, ...] = Field(
        default=(), max_length=200, description="Of a split: events that the others are no story with."
    )
    takes_back: Identity | None = Field(default=None, description="The merge or split that no longer counts.")


_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def _instant(value: object) -> object:
    """Text in the one form that DuckDB reads as pydantic does; anything else is refused with the form."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return value
    raise ValueError("write a time with seconds and zone, as 2026-04-17T09:30:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time with its zone, as RFC 3339 has it."""


class Forecast(Decision):
    """How probable somebody holds it that a reading is met; ``by`` is who recorded it.

    ``made_at`` may lie before the time of the event, for forecasts that were made elsewhere; then ``imported`` is true.
    """

    prediction: str = Field(min_length=1, max_length=200)
    reading: str = Field(min_length=1, max_length=200)
    forecaster: Name = Field(description="Whose forecast it is.")
    probability: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = Field(
        description="That the reading is met, 0 to 1."
    )
    made_at: Instant = Field(description="When it was made.")
    imported: StrictBool = Field(default=False, description="made_at is what somebody says, not when it was sent.")


class MergeStories(Decision):
    """Two or more events whose stories are one; or, with ``takes_back``, the end of an earlier merge or split."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.takes_back is None and len(self.events) < 2:
            raise ValueError("a merge names two events or more under `events`, or what it takes back")
        return self


class SplitStory(Decision):
    """Events that are no story with others; or, with ``takes_back``, the end of an earlier merge or split."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.takes_back is None and not (self.events and self.apart_from):
            raise ValueError("a split names events under `events` and others under `apart_from`, or what it takes back")
        return self


_MODELS: Final[dict[DecisionKind, type[Decision]]] = {
    DecisionKind.FORECAST: Forecast,
    DecisionKind.MERGE_STORIES: MergeStories,
    DecisionKind.SPLIT_STORY: SplitStory,
}


def decision_model(kind: DecisionKind) -> type[Decision]:
    """The fields of a kind of decision."""
    return _MODELS.get(kind, Decision)


def decision_type(kind: DecisionKind) -> str:
    """The CloudEvents type of a decision: ``resolve`` gives ``ai.dualtrack.decision.resolve.v1``."""
    return f"{DECISION_TYPE_PREFIX}{kind}.v1"


def kind_of_type(cloudevents_type: str) -> DecisionKind | None:
    """The kind in a CloudEvents type; None when it is no decision."""
    middle = cloudevents_type.removeprefix(DECISION_TYPE_PREFIX).removesuffix(".v1")
    return next((kind for kind in DecisionKind if kind == middle), None)
