"""What a person means by the name of an event or story, and what follows for a merge or split."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from schemas.decisions import Decision, MergeStories, SplitStory
from schemas.values import Identity
from stories.read import UnknownStory


class NotToBeDecided(Exception):
    """The decision would change nothing, or names what there is not; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """An event, and the story and report that it stands in."""

    source: str
    id: str
    story: str | None
    report: str

    @property
    def identity(self) -> Identity:
        return Identity(source=self.source, id=self.id)

    def __str__(self) -> str:
        return f"{self.source}#{self.id}"


def named_event(connection: duckdb.DuckDBPyConnection, name: str) -> NamedEvent:
    """The event called ``source#id``, or ``id`` where one source alone has it; raises UnknownStory."""
    rows = connection.execute(
        "SELECT source, id, story, report FROM story_events "
        "WHERE id = $name OR source || '#' || id = $name ORDER BY ALL",
        {"name": name},
    ).fetchall()
    found = [NamedEvent(*row) for row in rows]
    found = [one for one in found if str(one) == name] or found
    if not found:
        raise UnknownStory(f"no event is called {name!r}: write source#id, as `stories list` and `query` print it")
    if len(found) > 1:
        raise UnknownStory(f"{name!r} may be {' or '.join(map(str, found))}: say which")
    if found[0].story is None:
        raise UnknownStory(f"{found[0]} was retracted: it tells nothing, and is in no story")
    return found[0]


def merge_of(connection: duckdb.DuckDBPyConnection, names: Sequence[str], by: str, why: str) -> Decision:
    """The decision that makes the stories of these events one; raises UnknownStory, NotToBeDecided."""
    events = [named_event(connection, name) for name in names]
    if len({event.story for event in events}) == 1:
        raise NotToBeDecided(f"they are one story already: {events[0].story}")
    return MergeStories(by=by, why=why, events=tuple(event.identity for event in events))


def split_of(connection: duckdb.DuckDBPyConnection, name: str, story: str, by: str, why: str) -> Decision:
    """The decision that takes an event out of a story; raises UnknownStory, NotToBeDecided."""
    event, other = named_event(connection, name), named_event(connection, story)
    if event.story != other.story:
        raise NotToBeDecided(f"{event} is in the story {event.story}, not in {other.story}: nothing to split")
    rows = connection.execute(
        "SELECT source, id FROM story_events WHERE story = ? AND report <> ? ORDER BY ALL", [event.story, event.report]
    ).fetchall()
    if not rows:
        raise NotToBeDecided(f"{event.story} has no other report: nothing to split")
    apart = tuple(Identity(source=source, id=id) for source, id in rows)
    return SplitStory(by=by, why=why, events=(event.identity,), apart_from=apart)
