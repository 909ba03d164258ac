"""How close a publisher is to what happened: its rank, from ``sources.yaml`` beside this file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import StringConstraints

from registry.loader import load_organisations, normalise
from registry.rows import RegistryError, Row, line_of, read_rows

FILE: Final = Path(__file__).with_name("sources.yaml")

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Rank(StrEnum):
    """From the closest to the farthest."""

    FILING = "filing"
    COMPANY = "company"
    REPORT = "report"
    AGGREGATOR = "aggregator"

    @property
    def place(self) -> int:
        """1 for the closest."""
        return list(Rank).index(self) + 1


class Source(Row):
    """One publisher; the head of sources.yaml says what the fields mean."""

    name: _Text
    aliases: tuple[_Text, ...] = ()
    host: _Text | None = None
    rank: Rank
    reason: _Text


@dataclass(frozen=True, slots=True)
class Ranked:
    """A rank and why."""

    rank: Rank
    reason: str


_UNKNOWN: Final = Ranked(Rank.REPORT, "not in registry/sources.yaml")
_ABOUT_ITSELF: Final = Ranked(Rank.COMPANY, "an organisation about itself")


@dataclass(frozen=True, slots=True)
class SourceRegistry:
    """All ranked publishers, by every spelling of their names and by host."""

    by_name: Mapping[str, Source] = field(repr=False)
    by_host: Mapping[str, Source] = field(repr=False)

    def rank(self, publisher: str | None, urls: Collection[str] = (), org_ids: Collection[str] = ()) -> Ranked:
        """The rank of who published: by name, else by address, else as one of the organisations it is about."""
        found = self.by_name.get(normalise(publisher)) if publisher else None
        if found is None and not publisher:
            found = next((source for url in urls if (source := self._at(host_of(url)))), None)
        if found is not None:
            return Ranked(found.rank, found.reason)
        itself = load_organisations().resolve(publisher) if publisher else None
        return _ABOUT_ITSELF if itself is not None and itself.id in org_ids else _UNKNOWN

    def _at(self, host: str) -> Source | None:
        parts = host.split(".")
        return next((found for n in range(len(parts)) if (found := self.by_host.get(".".join(parts[n:])))), None)


def host_of(url: str) -> str:
    """``https://www.reuters.com/x`` gives ``reuters.com``; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


@cache
def load_sources(path: Path = FILE) -> SourceRegistry:
    """The ranked publishers; raises RegistryError when a name or a host stands twice."""
    rows = read_rows(path, "sources", Source)
    by_name: dict[str, Source] = {}
    by_host: dict[str, Source] = {}
    for index, source in enumerate(rows):
        places = [(by_name, normalise(name), name) for name in (source.name, *source.aliases)]
        if source.host:
            places.append((by_host, source.host, source.host))
        for known, form, told in places:
            if known.setdefault(form, source) is not source:
                problem = f"{source.name}: {told!r} already belongs to {known[form].name}"
                raise RegistryError(path, line_of(path, "sources", index), problem)
    return SourceRegistry(MappingProxyType(by_name), MappingProxyType(by_host))
