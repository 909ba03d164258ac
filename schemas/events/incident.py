"""An incident: harm, failure, leak, outage, misuse or attack that did happen."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field, StrictBool

from schemas.events.base import Event, present
from schemas.values import Name


class Severity(StrEnum):
    """How bad it was."""

    MINOR = "minor"
    SERIOUS = "serious"
    SEVERE = "severe"
    FATAL = "fatal"


class PriceClass(StrEnum):
    """Where the model stands in the market."""

    FRONTIER = "frontier"
    STANDARD = "standard"
    CUT_COST = "cut cost"


class Incident(Event):
    """Something that went wrong. Null means that nobody has said, which is not the same as no."""

    event_type: ClassVar[str] = "incident"

    system: Name
    developer: Name | None = None
    severity: Severity | None = None
    harm: str | None = Field(default=None, max_length=300)
    harm_disputed: StrictBool | None = None
    harm_kind: str | None = Field(default=None, max_length=80, description="disinformation, autonomous system, ...")
    state_level: StrictBool | None = None
    attributed_to_model: StrictBool | None = None
    poorly_aligned: StrictBool | None = None
    price_class: PriceClass | None = None

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.developer)
