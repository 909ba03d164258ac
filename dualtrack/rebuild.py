"""Make the store anew from the log, through the same ``settle_batch`` as settle, and put it in the old one's place.

1. The old store is held: no writer can take it. What the log cannot give is copied from it (``sinks.old_store``).
2. The log is read from its beginning to where it ended at the start, and lands in a draft, in batches.
3. The predictions are judged once, when everything has landed: a history follows from the events, not from the order
   in which they come. Judged in between, a half-filled store would take back what people were told.
4. The draft is whole: it takes the old one's name, which is kept beside it. Until then the old one is untouched.

``verify`` reads only as far as the old store has read, judges as of the time at which it was written last, compares
the two table by table, and replaces nothing.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from dualtrack.settings import Settings
from dualtrack.tools import reference_tables, settle_parts, utc_now
from pipeline.flow import SettleTools, settle_batch
from pipeline.progress import Span
from pipeline.settle import SettleParts
from pipeline.whole_log import WholeLog
from predictions.evaluate import PredictionEngine
from schemas.faults import LogGap, TerminalFault
from schemas.settling import Landed
from schemas.topics import SETTLE_READS
from sinks.alerts import note_unsent
from sinks.base import Clock, NothingToRead, StoreLocked
from sinks.differences import TableDifference, differences
from sinks.duckdb_sink import DuckDBSink
from sinks.files import copy_by_child
from sinks.old_store import OldStore, rows_beyond
from sinks.snapshot import snapshot_closed_file

REBUILT: Final = "rebuilt"
"""What is noted of an alert that a rebuild without an old store gives: it was told, or not, before that was lost."""

Place = tuple[str, int]
OnProgress = Callable[[int, int], None]
"""Called with the records read so far, and with all that there are."""


class TargetExists(TerminalFault):
    """There is a file already where the new store is to go."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A partition whose log no longer goes back as far as it has to."""

    topic: str
    partition: int
    first: int
    """The oldest offset there is."""
    unread: int
    """Up to here the old store had read; what lies between is in neither."""
    end: int

    def __str__(self) -> str:
        where = f"{self.topic}/{self.partition}"
        if self.unread > self.end:
            return f"{where} ends at offset {self.end}, and the store has read up to {self.unread}: another log"
        lost = "" if self.unread >= self.first else f"; {self.unread} to {self.first - 1} are in no store either"
        return f"{where} begins at offset {self.first}: records 0 to {self.first - 1} are gone from the log{lost}"


@dataclass(slots=True)
class RebuildReport:
    """What a rebuild did."""

    target: Path
    landed: Landed = field(default_factory=Landed)
    """From the log; an input that was carried over counts as redelivered should it stand there too."""
    records: int = 0
    carried_over: int = 0
    """Inputs whose outcome came from the old store: loaded from files, or forgotten by the log."""
    gaps: tuple[Gap, ...] = ()
    not_sent: int = 0
    """Alerts that were noted as delivered without being sent."""
    backup: Path | None = None
    compared: tuple[TableDifference, ...] | None = None

    @property
    def equal(self) -> bool:
        """Did a comparison find no difference?"""
        return all(table.equal for table in self.compared or ())


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """What is wanted."""

    to: Path | None = None
    """Where the new store goes instead of the old one's place."""
    verify: bool = False
    accept_log_gap: bool = False
    send_alerts: bool = False
    """Without an old store: send the alerts that the histories give, though people may have had them."""


def rebuild(settings: Settings, options: RebuildOptions, on_progress: OnProgress = lambda *_: None) -> RebuildReport:
    """Make the store anew. Raises StoreLocked, LogGap, TargetExists, NothingToRead and what ``WholeLog`` raises."""
    target = options.to or settings.database
    if options.to is not None and options.to.exists():
        raise TargetExists(f"{options.to} exists: name a file that does not")
    if options.verify and not settings.database.exists():
        raise NothingToRead(f"there is no store at {settings.database} to compare with: rebuild it without --verify")
    settings.make_home()
    with ExitStack() as stack:
        draft = stack.enter_context(_draft_beside(target))
        log = stack.enter_context(_whole_log(settings))
        old = stack.enter_context(OldStore(settings.database, utc_now)) if settings.database.exists() else None
        report = RebuildReport(target, gaps=_gaps(log.spans, old, refuse=not options.accept_log_gap))
        _Rebuilding(settings, options, draft, old, report).land(log, on_progress)
        if options.verify and old is not None:
            old.close()
            report.compared = tuple(differences(settings.database, draft))
        if options.to is not None:
            _take_free_name(draft, options.to)
        elif not options.verify:
            report.backup = _take_the_place(draft, target, old)
    if options.to is None and not options.verify:
        _renew_snapshot(settings)
    return report


class _Rebuilding:
    """Fills the draft."""

    def __init__(
        self, settings: Settings, options: RebuildOptions, draft: Path, old: OldStore | None, report: RebuildReport
    ) -> None:
        self._options = options
        self._old = old
        self._report = report
        self._clock = _clock_of(old) if options.verify and old else utc_now
        sink = DuckDBSink(draft, self._clock, reference_tables(), settings.duckdb_memory)
        parts = settle_parts(settings, settings.receivers())
        # When the old store looked at the clock last is not known: what time alone brings is no difference.
        teller = parts.tools.teller
        self._teller = teller.without_clock() if options.verify and teller else teller
        tools = replace(parts.tools, sink=sink, clock=self._clock, teller=self._teller)
        self._parts = replace(parts, sink=sink, tools=tools)
        self._read_before = old.offsets() if old else {}

    def land(self, log: WholeLog, on_progress: OnProgress) -> None:
        """Carry over, land everything, judge."""
        draft, old, report = self._parts.sink, self._old, self._report
        until = self._read_before if self._options.verify else None
        if old is not None:
            draft.open()  # makes the tables
            draft.close()
            forgotten = {(gap.topic, gap.partition): gap.first for gap in report.gaps if gap.unread <= gap.end}
            report.carried_over = old.carry_over(draft.path, self._judged(), forgotten)
        with draft:
            draft.open()
            # Without predictions: they are judged below, when the store is whole.
            tools = SettleTools(draft, PredictionEngine(()), None, self._clock)
            total = sum(_wanted(span, place, until) for place, span in log.spans.items())
            on_progress(0, total)
            for batch in log.batches(until):
                report.landed += settle_batch(batch, tools).landed
                report.records += len(batch)
                on_progress(report.records, total)
        self._judge(self._parts)

    def _judge(self, parts: SettleParts) -> None:
        parts.open()
        with parts.sink, parts.sink.transaction() as transaction:
            if self._teller is not None and self._teller.watches_events:
                # What the old store had read was told, or not, by the rules of its day.
                beyond = rows_beyond(transaction.connection, self._read_before)
                self._teller.tell(transaction, (), self._clock(), beyond)
            if self._old is None and not self._options.send_alerts:
                self._report.not_sent = note_unsent(transaction.connection, REBUILT, self._clock())

    def _judged(self) -> list[tuple[str, str, int, str]]:
        return [
            (one.id, reading.id, one.version, one.hash) for one in self._parts.definitions for reading in one.readings
        ]


def _whole_log(settings: Settings) -> WholeLog:
    servers = settings.bootstrap_servers()
    if servers is None:
        raise TerminalFault("no Kafka is configured to rebuild from: set DUALTRACK_KAFKA=host:port")
    return WholeLog(servers, SETTLE_READS, librdkafka=settings.librdkafka(), aiokafka_options=settings.kafka_python())


def _gaps(spans: Mapping[Place, Span], old: OldStore | None, *, refuse: bool) -> tuple[Gap, ...]:
    stored = old.offsets() if old else {}
    found = tuple(
        Gap(*place, first=span.start, unread=stored.get(place, 0), end=span.end)
        for place, span in spans.items()
        if span.start > 0 or stored.get(place, 0) > span.end
    )
    if found and refuse:
        told = "; ".join(str(gap) for gap in found)
        kept = "; what the old store has of them is kept" if old else ""
        raise LogGap(
            f"the log does not hold everything: {told}. Restore it, or rebuild from what there is with "
            f"--accept-log-gap{kept}. Nothing was changed"
        )
    return found


def _clock_of(old: OldStore) -> Clock:
    """Deadlines that passed since the old store was written are no difference."""
    written: datetime | None = old.last_written()
    return (lambda: written) if written is not None else utc_now


def _wanted(span: Span, place: Place, until: Mapping[Place, int] | None) -> int:
    end = span.end if until is None else min(span.end, until.get(place, 0))
    return max(0, end - span.start)


@contextmanager
def _draft_beside(target: Path) -> Iterator[Path]:
    """A name for the draft in the target's folder, where it can be renamed; whatever is left of it is removed.

    The lock ends with the process, so what a killed rebuild has left is removed by the next.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.rebuild")
    lock = draft.with_name(f"{draft.name}.lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(f"another rebuild of {target} is at work") from None
        _remove(draft)
        try:
            yield draft
        finally:
            _remove(draft)
            lock.unlink(missing_ok=True)


def _remove(draft: Path) -> None:
    for path in (draft, Path(f"{draft}.wal")):
        path.unlink(missing_ok=True)


def _take_free_name(draft: Path, target: Path) -> None:
    try:
        _name_too(draft, target)
    except FileExistsError:
        raise TargetExists(f"{target} was made meanwhile: nothing was changed") from None


def _name_too(path: Path, name: Path) -> None:
    """Give a file a second name; a copy where the file system knows no second names. Raises FileExistsError."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:
        if name.exists():
            raise FileExistsError(name) from None
        copy_by_child(path, name)


def _take_the_place(draft: Path, target: Path, old: OldStore | None) -> Path | None:
    """The draft becomes the store; at every moment there is one under its name. Returns where the old one is kept."""
    if old is None:
        _take_free_name(draft, target)
        return None
    backup = _free_backup(target)
    _name_too(target, backup)
    # A log of changes of the old one would be taken for the new one's. Before the replacement: from then on there may
    # be a worker that was standing by, and it is its own.
    wal = Path(f"{target}.wal")
    if wal.exists():
        _name_too(wal, Path(f"{backup}.wal"))
        wal.unlink()
    draft.replace(target)
    return backup


def _free_backup(target: Path) -> Path:
    """Never over an earlier one: the first rebuild's is the one that nothing has touched."""
    number = 1
    while True:
        suffix = "" if number == 1 else f".{number}"
        backup = target.with_name(f"{target.name}.before-rebuild{suffix}.bak")
        if not backup.exists():
            return backup
        number += 1


def _renew_snapshot(settings: Settings) -> None:
    # Locked: a worker has taken the store at once, and makes a snapshot by itself.
    with suppress(StoreLocked):
        snapshot_closed_file(settings.database, settings.snapshot)
