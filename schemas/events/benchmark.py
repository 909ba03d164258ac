"""A benchmark: a measured result of a model or system."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from schemas.events.base import Event, present, present_money
from schemas.values import Money, Name


class Direction(StrEnum):
    """Which scores are better."""

    HIGHER = "higher"
    LOWER = "lower"


class Benchmark(Event):
    """A score, rank or gap that somebody measured."""

    event_type: ClassVar[str] = "benchmark"

    benchmark: Name
    benchmark_version: str | None = Field(default=None, max_length=120)
    model: Name
    model_version: str | None = Field(default=None, max_length=200)
    developer: Name | None = None
    country: str | None = Field(default=None, max_length=80)
    score: float
    unit: str = Field(min_length=1, max_length=60, description="percent, rating, index points, minutes, ...")
    direction: Direction = Direction.HIGHER
    evaluator: Name | None = None
    model_released_on: str | None = Field(default=None, max_length=10)
    compared_with: Name | None = Field(default=None, description="The other model, when the score is a gap.")
    run_cost: Money | None = Field(default=None, description="What the run cost.")

    def _own_orgs(self) -> tuple[str, ...]:
        return present(self.developer)

    def money(self) -> dict[str, Money]:
        return present_money(run_cost=self.run_cost)
