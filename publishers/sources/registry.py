"""The sources that can be run by name; each reads the files of a folder and gives signals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from publishers.sources import eci, epoch, epoch_benchmarks, leaderboards, prices
from publishers.sources.signal import Signal
from schemas.faults import TerminalFault


class UnknownSource(TerminalFault):
    """No source has that name."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source by name."""

    name: str
    gives: str
    """What it says, for people."""
    read: Callable[[Path], Iterator[Signal]]
    files: str
    """What the folder has to hold."""


def _scores(folder: Path) -> Iterator[Signal]:
    return chain(eci.signals(folder), epoch_benchmarks.signals(folder))


SOURCES: Final = (
    Source("epoch", "companies: funding, revenue, usage, compute; models", epoch.signals, "companies/, models/"),
    Source("epoch-scores", "capabilities index with its corrections; benchmarks", _scores, "eci/, benchmarks/"),
    Source("leaderboards", "Aider's runs with their cost; LMArena's ratings", leaderboards.signals, "aider/, lmarena/"),
    Source("prices", "makers' API prices and their changes", prices.signals, "models_dev/, tokencost/"),
)
"""A new source is a file and a line here."""


def source_named(name: str) -> Source:
    """The source of that name; raises UnknownSource that lists those there are."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise UnknownSource(f"no source is called {name!r}; there are {', '.join(source.name for source in SOURCES)}")
