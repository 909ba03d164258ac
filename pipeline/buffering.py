"""What the Kafka client may hold in memory: so many bytes, whatever the number of partitions and of records.

aiokafka buffers an answer for every partition, and goes on asking while nobody takes them: partitions times bytes per
partition. Here it asks for no more while what it holds reaches ``buffer_bytes``. While a batch is in work nothing is
taken, so fetching rests until the next batch is asked for; a paused consumer holds no more than a running one.
"""

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher as fetcher_module
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError

from pipeline.unpacking import Batches
from schemas.faults import UnreadableLog

BUFFER_BYTES: Final = 16 * 1024 * 1024
"""As much as it holds when it asks for more; an answer comes on top."""

ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Most bytes of one broker's answer; a single larger batch comes all the same."""

TAKE_BYTES: Final = 4 * 1024 * 1024
"""Values taken at a time, of all partitions: compressed, 250 records may be anything."""

TAKE_SECONDS: Final = 0.25
"""How long records are taken at a time."""

_WAIT_SECONDS: Final = 0.1


@dataclass(slots=True)
class _Room:
    """How much may still be taken in this call."""

    bytes: int
    until: float

    def is_spent(self) -> bool:
        """Enough: in bytes, or in time, for meanwhile the consumer's heartbeats wait."""
        return self.bytes <= 0 or monotonic() > self.until


_ROOM: ContextVar[_Room] = ContextVar("room")


class BoundedRecords(fetcher_module.PartitionRecords):
    """The records of one partition's answer. Raises UnreadableLog, with the offset, where they cannot be read."""

    def __init__(self, tp: Any, records: Batches, *arguments: Any) -> None:
        self.size = records.size_in_bytes()
        super().__init__(tp, records, *arguments)

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except (CorruptRecordException, UnsupportedCodecError) as error:
            raise UnreadableLog(
                f"{self._tp.topic}/{self._tp.partition}: the log cannot be read at offset {self.next_fetch_offset}: "
                f"{error}. Nothing from there on was acknowledged. Where the broker's disk is damaged, restore the "
                "partition from a replica, or have Kafka delete the records before the next whole one "
                "(kafka-delete-records) and start once with DUALTRACK_ACCEPT_LOG_GAP=true"
            ) from error

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        found = super()._consumer_record(tp, record)
        found.cut_from = getattr(record, "cut_from", None)
        return found


class BoundedResult(fetcher_module.FetchResult):
    """An answer for one partition, taken in pieces that are bounded in bytes as well as in records."""

    _fault: UnreadableLog | None = None
    _partition_records: BoundedRecords | None

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next records. What stands before an unreadable batch is handed out before that is raised."""
        if self._fault is not None:
            raise self._fault
        room, records = _ROOM.get(), self._partition_records
        if records is None or room.is_spent() or not self.check_assignment(self._topic_partition):
            return []
        taken: list[Any] = []
        try:
            for record in records:
                taken.append(record)
                room.bytes -= len(record.value or b"")
                if room.is_spent() or (max_records is not None and len(taken) >= max_records):
                    self._update_position()
                    return taken
        except UnreadableLog as fault:
            if not taken:
                raise
            self._fault = fault
            self._update_position()
            return taken
        self._update_position()
        self._partition_records = None
        return taken

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return 0 if self._partition_records is None else self._partition_records.size


class BoundedFetcher(fetcher_module.Fetcher):
    """Asks for nothing while what it holds is enough."""

    def _get_actions_per_node(self, assignment: Any) -> Any:
        requests, resets, timeout, invalid_metadata, resume = super()._get_actions_per_node(assignment)
        if self.buffered_bytes >= BUFFER_BYTES:
            requests, timeout = [], _WAIT_SECONDS
        return requests, resets, timeout, invalid_metadata, resume

    async def fetched_records(self, *arguments: Any, **named: Any) -> Any:
        """Records of all partitions, bounded in bytes together."""
        _ROOM.set(_Room(TAKE_BYTES, monotonic() + TAKE_SECONDS))
        return await super().fetched_records(*arguments, **named)

    @property
    def buffered_bytes(self) -> int:
        """Bytes that it holds for whoever reads."""
        return sum(getattr(found, "size", 0) for found in self._records.values())


def install() -> None:
    """Give aiokafka these parts in the place of its own: it makes them by name, in modules of its own."""
    fetcher_module.MemoryRecords = Batches
    fetcher_module.PartitionRecords = BoundedRecords
    fetcher_module.FetchResult = BoundedResult
    consumer_module.Fetcher = BoundedFetcher
