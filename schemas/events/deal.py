"""A deal: an agreement between organisations."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.events.base import Event, present_money
from schemas.values import Money, Name, Open, Share


class DealKind(StrEnum):
    """What is agreed."""

    COMPUTE_SUPPLY = "compute supply"
    CLOUD = "cloud"
    CHIP_SUPPLY = "chip supply"
    CHIP_CODESIGN = "chip co-design"
    LICENCE = "licence"
    ACQUISITION = "acquisition"
    EQUITY_PARTNERSHIP = "equity partnership"
    DISTRIBUTION = "distribution"
    CONTENT = "content"
    CUSTOMER = "customer"
    OTHER = "other"


class Party(Open):
    """An organisation in a deal and what it does there (buyer, supplier, investor, acquirer, target ...)."""

    name: Name
    role: str = Field(min_length=1, max_length=60)


class Commitment(StrEnum):
    """How binding a tranche is."""

    COMMITTED = "committed"
    CONTINGENT = "contingent"
    OPTION = "option"
    UNKNOWN = "unknown"


class Tranche(Open):
    """One part of a deal's money."""

    amount: Money
    commitment: Commitment = Commitment.UNKNOWN
    condition: str | None = None


class Equity(Open):
    """A stake that comes with the deal."""

    holder: Name
    issuer: Name
    instrument: str | None = Field(default=None, description="shares, warrants, convertible, ...")
    max_share: Share | None = Field(default=None, description="Largest share of the issuer, 0 to 1.")
    condition: str | None = None


class Deal(Event):
    """An agreement or transaction between organisations."""

    event_type: ClassVar[str] = "deal"

    kind: DealKind
    parties: Annotated[tuple[Party, ...], Field(min_length=1, max_length=50)]
    amount: Money | None = Field(default=None, description="What the deal is worth in all, as stated.")
    valuation: Money | None = Field(default=None, description="Valuation of the target or issuer, as stated.")
    tranches: tuple[Tranche, ...] = Field(default=(), max_length=100)
    equity: tuple[Equity, ...] | None = Field(
        default=None,
        max_length=50,
        description="Stakes in the deal; an empty list says that there is none, null that it is unknown.",
    )
    duration_years: float | None = Field(default=None, gt=0, le=100)
    until: date | None = None
    capacity_gw: float | None = Field(default=None, ge=0, description="Electric capacity, gigawatts.")
    units: int | None = Field(default=None, ge=0, description="Number of chips or systems.")
    purpose: str | None = Field(default=None, description="training, inference, ...")
    vertical: str | None = None

    def _own_orgs(self) -> tuple[str, ...]:
        stakes = self.equity or ()
        return tuple(p.name for p in self.parties) + tuple(n for e in stakes for n in (e.holder, e.issuer))

    def money(self) -> dict[str, Money]:
        stated = present_money(amount=self.amount, valuation=self.valuation)
        return stated | {f"tranches.{i}": tranche.amount for i, tranche in enumerate(self.tranches)}
