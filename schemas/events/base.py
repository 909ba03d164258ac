"""What all events have in common."""

from typing import ClassVar

from pydantic import Field

from schemas.values import Identity, Money, Name, Open, PartialDate, Status, Text, Url


class Event(Open):
    """An event about the AI industry; subclasses add what their type carries."""

    event_type: ClassVar[str]
    version: ClassVar[int] = 1

    title: Text = Field(min_length=1, description="What happened, in a line.")
    summary: Text | None = None
    occurred_on: PartialDate = Field(description="When it happened in the world, as exactly as is known.")
    urls: tuple[Url, ...] = Field(default=(), max_length=200, description="Where it is reported.")
    publisher: Name | None = Field(default=None, description="Who reported it: a newspaper, a company, a data set.")
    origin: Name | None = Field(
        default=None, description="Who first stated it, when the publisher repeats somebody: copies are not counted."
    )
    status: Status = Status.ANNOUNCED
    orgs: tuple[Name, ...] = Field(default=(), max_length=200, description="Organisations it is about, as written.")
    corrects: Identity | None = Field(default=None, description="The event that this one replaces.")
    retracts: Identity | None = Field(default=None, description="The event that this one takes back.")
    derived_from: Identity | None = Field(default=None, description="The headline that this event was read from.")

    def named_orgs(self) -> tuple[str, ...]:
        """Names of all organisations in the event, in order, each once; subclasses add theirs."""
        return tuple(dict.fromkeys((*self._own_orgs(), *self.orgs)))

    def _own_orgs(self) -> tuple[str, ...]:
        return ()

    def money(self) -> dict[str, Money]:
        """Money in the event by the name of its field (``amount``, ``valuation``, ``tranches.0``)."""
        return {}


def present(*names: str | None) -> tuple[str, ...]:
    """The names that are there."""
    return tuple(name for name in names if name)


def present_money(**fields: Money | None) -> dict[str, Money]:
    """The amounts that are there, by field."""
    return {field: money for field, money in fields.items() if money is not None}
