"""Who first stated a report: what independent origins are counted by."""

from collections.abc import Sequence

from registry.loader import normalise
from registry.sources import host_of


def origin_label(publisher: str | None, origin: str | None, urls: Sequence[str], source: str) -> str:
    """For people: whom the publisher repeats, else the publisher, else the site of the first address, else whoever
    sent the event."""
    site = host_of(urls[0]) if urls else ""
    return (origin or "").strip() or (publisher or "").strip() or site or source


def origin_key(label: str) -> str:
    """The form in which origins are compared: two reports of one origin are copies, and count once."""
    return normalise(label) or label
