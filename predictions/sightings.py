"""What events are to the selections of all readings, found batch by batch without a look at the rest of the store.

Three kinds of selections. Those over views in which each row follows from one event are judged over the batch alone
(``Scratch``, ``Bundle``). Those over views of few events, together, are judged over those few (``Kept``). What is left
(queries of one's own) is asked of the store each time that an event of a type it reads has come.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import duckdb

from predictions.bundle import Bundle, Reader
from predictions.candidates import Candidate
from predictions.criteria import Sql
from predictions.criterion import run
from predictions.definition import Path
from predictions.intake import Ends, Piece
from predictions.live import Place
from predictions.scratch import Kept, Scratch, views_on
from predictions.views import KEPT_ROWS, ROW_BY_ROW, event_types_read

Key = tuple[str, str]
"""A prediction and a reading."""

Seen = dict[Key, dict[Place, list[Candidate]]]

_OVER_ROWS: Final = re.compile(r"\b(select|over)\b", re.IGNORECASE)
"""An expression that looks beyond its row: a subquery, a window."""


class QueryFailed(Exception):
    """A query over the whole store failed, and the transaction with it. It is left out from now on: try again."""


class Sightings:
    """Judges events for readings, all of them in one place. ``broken`` says whose SQL has failed, and how."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, readers: Iterable[Reader], broken: dict[Key, str]
    ) -> None:
        every = [reader for reader in readers if reader.key not in broken]
        self.broken: Final = broken
        self.event_types: Final = event_types_read(*(reader.query.sql for reader in every))
        """Of the events that matter to any reading."""
        by_row, together, whole = _sorted_out(every)
        views = (*by_row, *(KEPT_ROWS if together else ()))
        self._scratch = Scratch(connection, views, [reader.query.sql for reader in every])
        self._kept = Kept(self._scratch, KEPT_ROWS) if together else None
        self._kept_changed = True
        self._by_row = {view: Bundle(self._scratch.connection, view, found) for view, found in by_row.items()}
        self._together: dict[str, Bundle] = {}
        if self._kept:
            self._together = {view: Bundle(self._kept.connection, view, found) for view, found in together.items()}
        self._whole = [(reader, event_types_read(reader.query.sql)) for reader in whole]
        self._types = {view: event_types_read(view) for view in self._by_row}
        apart = [reader for reader, _ in self._whole]
        apart += [reader for bundle in self._together.values() for reader in bundle.readers]
        self._apart: dict[Key, frozenset[Path]] = {}
        for reader in apart:
            self._apart[reader.key] = self._apart.get(reader.key, frozenset()) | {reader.query.path}

    @property
    def columns(self) -> str:
        """The columns of ``events`` that ``look`` needs."""
        return self._scratch.select

    def look(self, piece: Piece, ends: Ends) -> Seen:
        """What the events of a piece are to the selections that go row by row."""
        self._scratch.fill(piece.events, ends.endings)
        types = frozenset(piece.events.column("event_type").unique().to_pylist())
        seen: Seen = {}
        for view in self._by_row:
            if self._types[view] & types:
                for reader, row in _run(self._scratch.connection, view, self._by_row, self.broken):
                    seen.setdefault(reader.key, {}).setdefault(_place(row), []).append(row)
        if self._kept:
            self._kept_changed = self._kept.take(piece.read_again, types) or self._kept_changed
        return seen

    def look_together(self) -> dict[Key, tuple[frozenset[Path], dict[Place, list[Candidate]]]]:
        """All rows of the selections over few events, with the places of these selections; nothing where none of
        those events has changed."""
        if not (self._kept and self._kept_changed):
            return {}
        self._kept_changed = False
        paths: dict[Key, set[Path]] = {}
        seen: Seen = {}
        for view in self._together:
            rows = _run(self._kept.connection, view, self._together, self.broken)
            for reader in self._together[view].readers:
                paths.setdefault(reader.key, set()).add(reader.query.path)
            for reader, row in rows:
                seen.setdefault(reader.key, {}).setdefault(_place(row), []).append(row)
        return {key: (frozenset(found), seen.get(key, {})) for key, found in paths.items()}

    def look_at_store(
        self, connection: duckdb.DuckDBPyConnection, types: frozenset[str]
    ) -> Iterator[tuple[Reader, dict[Place, list[Candidate]]]]:
        """All rows of the selections that need the whole store, where events of types that they read have come.

        Raises QueryFailed.
        """
        for reader, read in self._whole:
            if reader.key not in self.broken and read & types:
                rows: dict[Place, list[Candidate]] = {}
                try:
                    found = run(connection, reader.query)
                except duckdb.Error as error:
                    self.broken[reader.key] = _short(error)
                    raise QueryFailed(f"{'/'.join(reader.key)}: {_short(error)}") from error
                for row in found:
                    rows.setdefault(_place(row), []).append(row)
                yield reader, rows

    def paths_apart(self, key: Key) -> frozenset[Path]:
        """The selections of a reading that do not go row by row: they are always answered in full."""
        return self._apart.get(key, frozenset())

    def close(self) -> None:
        """Give the memory free."""
        self._scratch.close()
        if self._kept:
            self._kept.close()


def _sorted_out(readers: Iterable[Reader]) -> tuple[dict[str, list[Reader]], dict[str, list[Reader]], list[Reader]]:
    """Those that go row by row and those over views of few events, by view; and those that need the whole store."""
    by_row: dict[str, list[Reader]] = {}
    together: dict[str, list[Reader]] = {}
    whole: list[Reader] = []
    few = views_on(KEPT_ROWS)
    for reader in readers:
        view = reader.query.leaf.view
        if _looks_further(reader):
            whole.append(reader)
        elif view.startswith("facts_") or view in ROW_BY_ROW:
            by_row.setdefault(view, []).append(reader)
        elif view in few:
            together.setdefault(view, []).append(reader)
        else:
            whole.append(reader)
    return by_row, together, whole


def _place(row: Candidate) -> Place:
    return row.path, (row.source, row.id)


def _looks_further(reader: Reader) -> bool:
    """Does a selection ask for more than each row by itself?"""
    body = reader.query.body
    return isinstance(reader.query.leaf, Sql) or any(_OVER_ROWS.search(sql) for sql in body.expressions)


def _run(
    connection: duckdb.DuckDBPyConnection, view: str, bundles: dict[str, Bundle], broken: dict[Key, str]
) -> list[tuple[Reader, Candidate]]:
    """The rows of a bundle. Where it fails it goes on without those who are to blame."""
    bundle = bundles[view]
    try:
        return list(bundle.run())
    except duckdb.Error:
        bundle.close()
    good = bundle.readers
    if bundle.guarded:
        failed = {reader.key: why for reader in bundle.readers if (why := _failure(connection, view, reader))}
        broken.update(failed)
        good = tuple(reader for reader in bundle.readers if reader.key not in failed)
        if len(good) == len(bundle.readers):
            raise RuntimeError(f"selections of {view} fail together, and none of them by itself")
    bundles[view] = Bundle(connection, view, good, guarded=True)
    return _run(connection, view, bundles, broken)


def _failure(connection: duckdb.DuckDBPyConnection, view: str, reader: Reader) -> str:
    """How a selection fails by itself; empty where it does not."""
    alone = Bundle(connection, view, (reader,), guarded=True)
    try:
        for _ in alone.run():
            pass
    except duckdb.Error as error:
        return _short(error)
    finally:
        alone.close()
    return ""


def _short(error: duckdb.Error) -> str:
    return str(error).split("\n\nLINE")[0].replace("\n", " ")
