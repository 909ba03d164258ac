"""Funding: money that an organisation raises, its valuation, its IPO, a new fund."""

from typing import ClassVar

from pydantic import Field, StrictBool

from schemas.events.base import Event, present, present_money
from schemas.values import Money, Name, Open


class StackCompleteness(Open):
    """The four parts of a full-stack vertical company; null where nobody has said."""

    fine_tuned_model: StrictBool | None = None
    proprietary_data: StrictBool | None = None
    own_workflow: StrictBool | None = None
    optimised_inference: StrictBool | None = None


class Funding(Event):
    """A round, a fund, an IPO or a valuation."""

    event_type: ClassVar[str] = "funding"

    company: Name
    round: str | None = Field(default=None, max_length=80, description="seed, series A, debt, tender, fund, IPO, ...")
    amount: Money | None = None
    valuation: Money | None = Field(default=None, description="Post-money valuation.")
    investors: tuple[Name, ...] = Field(default=(), max_length=200)
    lead: Name | None = None
    sector: str | None = Field(default=None, max_length=80)
    vertical: str | None = Field(default=None, max_length=80)
    stack: StackCompleteness | None = None

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.company, self.lead, *self.investors)

    def money(self) -> dict[str, Money]:
        return present_money(amount=self.amount, valuation=self.valuation)
