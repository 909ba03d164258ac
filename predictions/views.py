"""Helper views over the typed views, for what one event alone does not say; and which event types a view reads."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import duckdb

from schemas.topics import EVENT_TYPES

VIEWS_FILE: Final = Path(__file__).with_name("views.sql")
ROW_BY_ROW: Final = frozenset({"lab_designer_parts", "company_prices"})
"""Helper views of which each row follows from one event, whatever else there is."""

KEPT_ROWS: Final[Mapping[str, str]] = {
    "lab_designer_parts": "TRUE",
    "facts_benchmark": "benchmark ILIKE 'epoch capabilities index%'",
    "facts_model_release": "training_compute_flop >= 5e25",
}
"""What the other helper views read, and which of its rows: no fewer than their own conditions let through."""

_CREATE: Final = re.compile(r"^CREATE OR REPLACE VIEW (?P<name>\w+) AS\b", re.MULTILINE)
_FACTS: Final = {f"facts_{name.replace('-', '_')}": name for name in EVENT_TYPES}


def install_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the helper views; the typed views (``facts_...``) and ``ref_organisations`` have to be there."""
    connection.execute(VIEWS_FILE.read_text(encoding="utf-8"))


@cache
def helper_views() -> dict[str, str]:
    """The text of each helper view by name, with all that follows it up to the next one.

    It is part of the hash of the definitions that read the view: a comment below a view belongs to that view, and one
    about a new view stands inside of it.
    """
    text = VIEWS_FILE.read_text(encoding="utf-8")
    starts = list(_CREATE.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {match["name"]: text[match.start() : end] for match, end in zip(starts, ends, strict=True)}


def view_texts(view: str) -> Iterator[str]:
    """The text of a helper view, with those of the helper views that it reads; nothing for a typed view."""
    text = helper_views().get(view)
    if text is not None:
        yield text
        for name in sorted(helper_views()):
            if name != view and re.search(rf"\b{name}\b", text):
                yield from view_texts(name)


def event_types_read(*sql: str) -> frozenset[str]:
    """The event types that SQL (or the name of a view) depends on, through helper views too."""
    words = {word for text in sql for word in re.findall(r"\w+", text)}
    types = {_FACTS[word] for word in words if word in _FACTS}
    for name in words & helper_views().keys():
        types |= event_types_read(*re.findall(r"\bfacts_\w+", " ".join(view_texts(name))))
    return frozenset(types)
