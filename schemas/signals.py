"""The value of a record on ``signals.validated``: an event, what it was enriched with, its track and its warnings."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.outcomes import ConvertedMoney, Evidence, Finding, ResolvedOrg
from schemas.values import Precision, Track


class ValidatedSignal(BaseModel):
    """An event that passed every check. The name of its input travels in the record's headers."""

    model_config = ConfigDict(frozen=True)

    envelope: dict[str, Any] = Field(description="CloudEvents attributes as received, extensions included.")
    data: dict[str, Any] = Field(description="The event as received, unknown fields included.")
    event_type: str
    version: int
    occurred_first: date
    occurred_last: date
    occurred_precision: Precision
    reported_at: datetime
    orgs: tuple[ResolvedOrg, ...] = ()
    money: tuple[ConvertedMoney, ...] = ()
    track: Track
    scores: dict[str, float]
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[Finding, ...] = ()
    content_hash: str = Field(description="SHA-256 of type and data in canonical form: same identity, same content?")
    replay_of: str | None = Field(default=None, description="The input whose rejection this one replays.")
