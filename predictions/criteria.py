"""The criteria of the definition language: what has to be true, over which view, from which threshold on."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from predictions.parts import IDENTIFIER, Part, Threshold, Whole

Expression = str
"""SQL over the columns of the view."""


class Leaf(Part):
    """A selection of rows of one view. Each row is judged by the named conditions; each may be unknown."""

    every_row: ClassVar[bool] = False
    """Whether rows that fail count too (they do in the lower half of a share)."""

    view: str = Field(alias="from", pattern=IDENTIFIER, description="A typed view: facts_deal, facts_funding, ...")
    about: Expression | None = Field(
        default=None, description="Rows where this is not true are not looked at, and are no near misses either."
    )
    where: tuple[str, ...] = Field(default=(), description="Names of conditions, declared under `conditions`.")
    window: Literal["reading", "until", "any"] = Field(
        default="reading", description="reading: inside the window; until: up to its end; any: whenever."
    )
    show: dict[str, Expression] = Field(default={}, description="Values to keep with the evidence, by name.")

    @property
    def group(self) -> Expression | None:
        """What rows are counted or kept apart by."""
        return None

    @property
    def entity(self) -> Expression | None:
        """Whom a row is about, where only the newest row of each counts."""
        return None

    @property
    def amount(self) -> Expression | None:
        """The measured number."""
        return None


class CountDistinct(Leaf, Threshold):
    """How many different things satisfy all conditions."""

    of: Expression = Field(description="What things are told apart by.")
    unit: str = Field(default="distinct", description="What is counted, for people: labs, companies, ...")

    @property
    def group(self) -> Expression | None:
        return self.of


class Exists(Leaf):
    """At least one row satisfies all conditions."""

    of: Expression | None = Field(default=None, description="What it is about, shown with the evidence.")

    @property
    def entity(self) -> Expression | None:
        return self.of


class Sum(Leaf, Threshold):
    """The total of ``value`` over the rows that satisfy all conditions."""

    value: Expression = Field(description="The number to add up.")
    per: Expression | None = Field(default=None, description="Only the newest row of each counts.")
    unit: str = Field(default="", description="For people: USD, models, ...")

    @property
    def entity(self) -> Expression | None:
        return self.per

    @property
    def amount(self) -> Expression | None:
        return self.value


class Latest(Leaf, Threshold):
    """The newest ``value`` of each series; holds where every series agrees, unknown where they differ."""

    value: Expression = Field(description="The number that is compared.")
    within: Expression | None = Field(default=None, description="The series: values of different series never mix.")
    unit: str = Field(default="", description="For people: percent, points, ...")

    @property
    def group(self) -> Expression | None:
        return self.within

    @property
    def amount(self) -> Expression | None:
        return self.value


class Share(Leaf, Threshold):
    """The share of things (the newest row of each) that satisfy all conditions, 0 to 1."""

    every_row: ClassVar[bool] = True

    of: Expression = Field(description="The denominator: what things are told apart by.")
    minimum: Whole = Field(default=1, ge=1, description="Fewer things than this give no share: the verdict is unknown.")
    unit: str = Field(default="things", description="What is counted, for people.")

    @property
    def entity(self) -> Expression | None:
        return self.of


class Leader(Leaf, Threshold):
    """In how many groups the one with the highest ``by`` satisfies all conditions."""

    every_row: ClassVar[bool] = True

    per: Expression = Field(description="The groups: verticals, countries, ...")
    who: Expression = Field(description="Who competes in a group; the newest row of each counts.")
    by: Expression = Field(description="The measure of leading.")
    minimum: Whole = Field(default=1, ge=1, description="A group with fewer competitors has no leader yet.")
    out_of: Whole = Field(ge=1, description="How many groups there are, those of which nothing is known included.")
    unit: str = Field(default="groups", description="What the groups are, for people.")

    @property
    def group(self) -> Expression | None:
        return self.per

    @property
    def entity(self) -> Expression | None:
        return self.who

    @property
    def amount(self) -> Expression | None:
        return self.by


class Sql(Leaf, Threshold):
    """The escape: a query that returns the common columns, counted by ``of`` like the rows of a view."""

    view: str = Field(default="query", alias="from", pattern="^query$", description="Not used: the query stands here.")
    query: str = Field(min_length=1, description="One SELECT over views, which keeps the common columns.")
    of: Expression = Field(description="What rows are told apart by.")
    unit: str = Field(default="distinct", description="What is counted, for people.")

    @property
    def group(self) -> Expression | None:
        return self.of


class Step(Leaf):
    """One step of a sequence."""

    within: Expression | None = Field(default=None, exclude=True, description="Set by the sequence.")

    @property
    def group(self) -> Expression | None:
        return self.within


class Sequence(Part):
    """``first`` and, on a later day, ``then``: within one series where ``within`` names it."""

    within: Expression | None = Field(default=None, description="The series, written over the columns of both views.")
    first: Step = Field(description="What happens first.")
    then: Step = Field(description="What happens on a later day.")

    @model_validator(mode="before")
    @classmethod
    def _series_of_both(cls, data: Any) -> Any:
        for name in ("first", "then"):
            if isinstance(data, dict) and isinstance(data.get(name), dict) and "within" in data[name]:
                raise ValueError(f"`within` of `{name}` goes for both steps: write it beside `first` and `then`")
        return data

    @model_validator(mode="after")
    def _share_the_series(self) -> Self:
        for name in ("first", "then"):
            step: Step = getattr(self, name)
            object.__setattr__(self, name, step.model_copy(update={"within": self.within}))
        return self


class Criterion(Part):
    """Exactly one criterion, under the key that names its kind."""

    count_distinct: CountDistinct | None = Field(default=None, description="Enough different things.")
    exists: Exists | None = Field(default=None, description="One row.")
    sum_: Sum | None = Field(default=None, alias="sum", description="A total.")
    latest: Latest | None = Field(default=None, description="The newest value.")
    share: Share | None = Field(default=None, description="The part of all things, 0 to 1.")
    leader: Leader | None = Field(default=None, description="The one with the highest measure, in enough groups.")
    sequence: Sequence | None = Field(default=None, description="One thing, then another, in one series.")
    sql: Sql | None = Field(default=None, description="The escape: a query of your own.")
    all_of: tuple["Criterion", ...] | None = Field(default=None, min_length=1, description="All of these.")
    any_of: tuple["Criterion", ...] | None = Field(default=None, min_length=1, description="One of these, or more.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            kinds = ", ".join(field.alias or name for name, field in type(self).model_fields.items())
            raise ValueError(f"needs exactly one of: {kinds}")
        return self

    def kind_of_value(self) -> "Leaf | Sequence | tuple[Criterion, ...] | None":
        """The criterion itself, whichever key it stands under."""
        return next((value for name in type(self).model_fields if (value := getattr(self, name)) is not None), None)

    @property
    def key(self) -> str:
        """The key that it stands under."""
        fields = type(self).model_fields
        return next(field.alias or name for name, field in fields.items() if getattr(self, name) is not None)

    def leaves(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Leaf]]:
        """Every selection of rows in it, with its place in the definition."""
        here = (*path, self.key)
        value = self.kind_of_value()
        if isinstance(value, Leaf):
            yield here, value
        elif isinstance(value, Sequence):
            yield (*here, "first"), value.first
            yield (*here, "then"), value.then
        else:
            for index, child in enumerate(value or ()):
                yield from child.leaves((*here, index))
