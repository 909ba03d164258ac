"""Reading from Kafka, in the consumer's own thread: where to start, what to take, and when to refuse to go on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from pipeline import buffering
from pipeline.buffering import ANSWER_BYTES
from pipeline.progress import Partition, Span
from schemas.faults import LogGap, UnreadableLog
from schemas.records import RawRecord
from schemas.topics import MAX_OUT_BYTES

CHUNK_RECORDS = 250
"""Records taken from the client at a time: the batch's byte limit is looked at between two chunks."""

StoredOffsets = Mapping[Partition, int]

buffering.install()


@dataclass(frozen=True)
class ReadConfig:
    """How batches are read."""

    max_records: int = 5000
    """Most records in a batch."""

    max_bytes: int = 16 * 1024 * 1024
    """A batch is closed once its values reach this size. Settle takes about ten times as much to work on it."""

    fill_seconds: float = 0.010
    """How long a batch that has records waits for more."""

    fetch_wait_ms: int = 20
    """How long the broker may hold back an answer while it has nothing. Faust hardcodes 1,500."""

    partition_fetch_bytes: int = MAX_OUT_BYTES + 1024 * 1024
    """Most bytes per partition and answer; above the largest record that a worker writes. For all: ``buffering``."""

    stall_seconds: float = 300.0
    """With records waiting and nothing finished for so long, the worker stops with Stalled."""

    finish_seconds: float = 30.0
    """How long partitions are held back in a rebalance, and the end is, for a running batch to be acked."""

    accept_log_gap: bool = False
    """Go on at the oldest record there is, instead of stopping, where the log lacks the next record."""

    stored_offsets: Callable[[], Awaitable[StoredOffsets | None]] | None = None
    """Where reading starts, whatever Kafka has committed; missing partitions start at their beginning."""


class BatchMessage(ConsumerMessage):
    """One poll: the value is the tuple of its RawRecords, the spans say what it covers."""

    spans: Mapping[Partition, Span]
    generation: int
    finished: bool = False
    """Set by the agent before its ack. Faust also acks messages that it skips in a rebalance; those do not count."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Talks to Kafka in a thread of its own, with an event loop of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reading: ReadConfig = cast("Any", self.transport).reading
        self._position: dict[Partition, int] = {}

    def _create_worker_consumer(self, transport: "driver.Transport") -> aiokafka.AIOKafkaConsumer:
        # Faust hardcodes fetch_max_wait_ms=1500, which is the median latency of a quiet topic.
        # The client reads the setting when it is started, so it can be set on the instance.
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self._reading.fetch_wait_ms
        consumer._max_partition_fetch_bytes = self._reading.partition_fetch_bytes
        consumer._fetch_max_bytes = ANSWER_BYTES
        # What a publisher's transaction took back was never published.
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_thread_stop(self) -> None:
        """Close the client, also when its broker is gone."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            # aiokafka cancels a fetch that waits for a lost broker, and lets that cancellation out of stop():
            # it would end this thread before it reports its end, and the worker would wait for it for ever.
            self.log.warning("The broker was gone when the consumer stopped; its group notices by the session timeout")

    def _stopped_set(self) -> None:
        # After a crash the thread has ended by itself: its loop is closed, and nobody there waits to be told.
        if self.thread_loop.is_closed():
            self._stopped.set()
        else:
            super()._stopped_set()

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Call it in the thread; raises ConsumerStoppedError where the thread has ended or ends meanwhile.

        A crash ends the thread at once, while the worker still wants to commit. mode would wait for that call for
        ever, or cancel whoever waits for it, which left the station open.
        """
        if self._shutdown.is_set() or self.thread_loop.is_closed():
            raise ConsumerStoppedError
        call = asyncio.ensure_future(super().call_thread(fun, *args, **kwargs))
        end = asyncio.ensure_future(self._shutdown.wait())
        try:
            await asyncio.wait({call, end}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done() or call.cancelled() or (self.thread_loop.is_closed() and call.exception()):
                raise ConsumerStoppedError
            return call.result()
        finally:
            call.cancel()
            end.cancel()

    async def fetch_batch(self, active: set[TP], timeout: float) -> tuple[list[RawRecord], dict[Partition, Span]]:
        """Records of all ``active`` partitions, in order within each; empty after ``timeout`` seconds."""
        return await self.call_thread(self._fetch_batch, active, timeout)  # type: ignore[no-any-return]

    async def start_reading(self, stored: StoredOffsets | None) -> dict[TP, int]:
        """Seek every assigned partition to its next record, and return these positions."""
        return await self.call_thread(self._start_reading, stored)  # type: ignore[no-any-return]

    async def check_group(self) -> None:
        """Raise what went wrong in the group, if anything did; aiokafka then tries to join again."""
        await self.call_thread(self._check_group)

    async def _check_group(self) -> None:
        if self._consumer is not None and self._consumer._coordinator is not None:
            self._consumer._coordinator.check_errors()

    async def _fetch_batch(self, active: set[TP], timeout: float) -> tuple[list[RawRecord], dict[Partition, Span]]:
        consumer, limits = self._ensure_consumer(), self._reading
        records: list[RawRecord] = []
        spans: dict[Partition, Span] = {}
        size, wait, deadline = 0, timeout, 0.0
        while len(records) < limits.max_records and size < limits.max_bytes:
            room = min(CHUNK_RECORDS, limits.max_records - len(records))
            try:
                chunk = await self._fetch_records(consumer, active, timeout=wait, max_records=room)
            except UnreadableLog:
                if records:
                    break  # first what stands before it; it is raised again on the next call
                raise
            # No await between the fetch and these lines: a seek in between would make the spans wrong.
            jumps = self._note_spans(chunk, spans)
            jumps = self._note_passed(consumer, active, spans) | jumps
            for found in chunk.values():
                records.extend(map(raw_record, found))
                size += sum(len(record.value) for record in found if record.value)
            if jumps:
                await self._check_jumps(consumer, jumps)
            if not chunk:
                break
            deadline = deadline or monotonic() + limits.fill_seconds
            wait = max(0.0, deadline - monotonic())
        return records, spans

    def _note_spans(self, chunk: Mapping[TP, list[Any]], spans: dict[Partition, Span]) -> dict[TP, Span]:
        """Extend the spans by this chunk; returns where offsets were jumped over (or back), which may be a gap."""
        jumps = {}
        for tp, found in chunk.items():
            first, end = found[0].offset, found[-1].offset + 1
            expected = self._position.get(tp, first)
            if first != expected:
                jumps[tp] = Span(expected, first)
            spans[tp] = Span(spans[tp].start if tp in spans else expected, end)
            self._position[tp] = end
        return jumps

    def _note_passed(
        self, consumer: aiokafka.AIOKafkaConsumer, active: set[TP], spans: dict[Partition, Span]
    ) -> dict[TP, Span]:
        """Extend the spans by what holds no record: markers of transactions, and what these took back.

        Without it such a partition would never be done, and look as if something waited in it.
        """
        jumps = {}
        subscription = consumer._subscription.subscription
        assignment = subscription and subscription.assignment
        for tp in active if assignment else ():
            expected = self._position.get(tp)
            if expected is None or tp not in assignment.tps:
                continue
            state = assignment.state_value(tp)
            if state.has_valid_position and state.position > expected:
                jumps[tp] = Span(expected, state.position)
                spans[tp] = Span(spans[tp].start if tp in spans else expected, state.position)
                self._position[tp] = state.position
        return jumps

    async def _check_jumps(self, consumer: aiokafka.AIOKafkaConsumer, jumps: Mapping[TP, Span]) -> None:
        # aiokafka resets to the oldest record by itself when the log was cut under it; compaction leaves holes too.
        ends = await consumer.end_offsets(list(jumps))
        for tp, first in (await consumer.beginning_offsets(list(jumps))).items():
            expected, found = jumps[tp]
            if first > expected or found < expected:
                self._refuse_gap(tp, expected, first, ends[tp])

    async def _start_reading(self, stored: StoredOffsets | None) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        assigned = list(consumer.assignment())
        if not assigned:
            return {}
        firsts = await consumer.beginning_offsets(assigned)
        ends = await consumer.end_offsets(assigned)
        positions = {}
        for tp in assigned:
            wanted = await consumer.committed(tp) if stored is None else stored.get((tp.topic, tp.partition))
            position = firsts[tp] if wanted is None else wanted
            if not firsts[tp] <= position <= ends[tp]:
                self._refuse_gap(tp, position, firsts[tp], ends[tp])
                position = firsts[tp]
            positions[TP(*tp)] = position
        for tp, position in positions.items():
            consumer.seek(tp, position)
            self._position[tp] = position
        return positions

    def _refuse_gap(self, tp: TP, wanted: int, first: int, end: int) -> None:
        message = _gap_message(tp, wanted, first, end)
        if not self._reading.accept_log_gap:
            raise LogGap(message)
        self.log.warning("%s Going on at %d, as DUALTRACK_ACCEPT_LOG_GAP says.", message, first)


def raw_record(record: Any) -> RawRecord:
    """A record of the client's as the flow takes it."""
    headers = tuple((name, value or b"") for name, value in record.headers)
    return RawRecord(
        *(record.topic, record.partition, record.offset, record.key, record.value, headers, record.timestamp or 0),
        cut_from=record.cut_from,
    )


def _gap_message(tp: TP, wanted: int, first: int, end: int) -> str:
    holds = f"holds offsets {first} to {end - 1}" if end > first else f"is empty (its next offset is {end})"
    head = f"{tp.topic}/{tp.partition}: the next record to read is offset {wanted}, but the log {holds}."
    if wanted > end:
        return (
            f"{head} This is another cluster, or its log was emptied. Point the worker at the cluster that its stored "
            "offsets come from, start with a new database, or once with DUALTRACK_ACCEPT_LOG_GAP=true to read it all."
        )
    return (
        f"{head} Records {wanted} to {first - 1} were deleted before they were read (retention, or the embedded "
        "broker's 5 MB). Restore them, or start once with DUALTRACK_ACCEPT_LOG_GAP=true to go on without them, and "
        "lengthen the retention."
    )
