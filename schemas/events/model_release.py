"""A model release: something new that its maker makes available or announces."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field, StrictBool

from schemas.events.base import Event, present, present_money
from schemas.values import Money, Name, Open


class ReleaseKind(StrEnum):
    """What is released."""

    MODEL = "model"
    PRODUCT = "product"
    FEATURE = "feature"
    HARDWARE = "hardware"
    PRICE = "price"


class PriceComponent(StrEnum):
    """What a price plan's billed unit may be made of."""

    TOKENS = "tokens"
    LATENCY = "latency"
    CONTEXT = "context"
    THROUGHPUT = "throughput"
    SEATS = "seats"
    OTHER = "other"


class PricePlan(Open):
    """What using it costs. Prices are per ``unit``; for token plans the unit is ``1M tokens``."""

    unit: str = Field(default="1M tokens", min_length=1, max_length=60)
    components: tuple[PriceComponent, ...] = Field(
        default=(PriceComponent.TOKENS,), description="What the billed unit combines."
    )
    input: Money | None = None
    output: Money | None = None
    cached_input: Money | None = None
    previous_input: Money | None = Field(default=None, description="The price before, when this is a change.")
    previous_output: Money | None = None


class ModelRelease(Event):
    """A model, product, feature, chip or price that its maker makes available or announces."""

    event_type: ClassVar[str] = "model-release"

    kind: ReleaseKind
    developer: Name
    model: Name
    model_version: str | None = Field(default=None, max_length=120)
    modalities: tuple[str, ...] = ()
    open_weights: StrictBool | None = None
    context_window: int | None = Field(default=None, gt=0, description="Tokens.")
    training_compute_flop: float | None = Field(default=None, gt=0, description="Floating-point operations in all.")
    training_hardware: Name | None = None
    country: str | None = Field(default=None, max_length=80)
    price: PricePlan | None = None
    vertical: str | None = Field(default=None, max_length=80)

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.developer)

    def money(self) -> dict[str, Money]:
        if self.price is None:
            return {}
        return {
            f"price.{field}": money
            for field, money in present_money(
                input=self.price.input,
                output=self.price.output,
                cached_input=self.price.cached_input,
                previous_input=self.price.previous_input,
                previous_output=self.price.previous_output,
            ).items()
        }
