"""A policy: law, regulation, government action, standard or commitment."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field, StrictBool

from schemas.events.base import Event, present
from schemas.values import Name


class Stage(StrEnum):
    """How far it has come; ``duty applies`` is when somebody must act on it."""

    PROPOSED = "proposed"
    PASSED = "passed"
    ENACTED = "enacted"
    IN_FORCE = "in force"
    DUTY_APPLIES = "duty applies"
    REPEALED = "repealed"


class Policy(Event):
    """A rule and its stage."""

    event_type: ClassVar[str] = "policy"

    jurisdiction: Name
    instrument: Name
    kind: str | None = Field(default=None, max_length=80, description="statute, regulation, order, court, commitment")
    stage: Stage | None = None
    in_force_from: date | None = None
    duty_from: date | None = None
    requirements: tuple[str, ...] = ()
    external_audit: StrictBool | None = Field(default=None, description="Does it require an independent auditor?")
    threshold: str | None = Field(default=None, max_length=300, description="Whom it binds, in its own words.")
    threshold_on_capability_or_compute: StrictBool | None = None
    threshold_flop: float | None = Field(default=None, gt=0)
    issuer: Name | None = None

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.issuer)
