"""A metric: a quantity about the industry, with its denominator."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from schemas.events.base import Event, present, present_money
from schemas.values import Money, Name, PartialDate


class Metric(Event):
    """Users, revenue, market share, spending, capacity, energy, headcount: one value of one series."""

    event_type: ClassVar[str] = "metric"

    subject: Name = Field(description="Whom or what it is about.")
    metric: Name = Field(description="revenue, weekly users, market share, ...")
    value: Decimal | None = Field(default=None, max_digits=30)
    low: Decimal | None = Field(default=None, max_digits=30, description="Lower end, where a range is stated.")
    high: Decimal | None = Field(default=None, max_digits=30)
    unit: str = Field(min_length=1, max_length=60, description="USD, percent, users, GW, FLOP, ...")
    denominator: str | None = Field(default=None, max_length=300, description="What a share is a share of.")
    period: PartialDate | None = None
    evaluator: Name | None = None
    series: str | None = Field(default=None, max_length=200, description="Values are compared within one series only.")
    amount: Money | None = Field(default=None, description="The value as money, where it is money.")

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.subject)

    def money(self) -> dict[str, Money]:
        return present_money(amount=self.amount)
