"""A headline: bare text, to be read."""

from typing import ClassVar

from schemas.events.base import Event
from schemas.values import PartialDate


class Headline(Event):
    """A line of news. ``validate`` reads it; what it is sure of becomes a typed event with ``derived_from``."""

    event_type: ClassVar[str] = "headline"

    published_on: PartialDate | None = None
