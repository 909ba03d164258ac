"""The record-batch Faust transport: one message per poll, which holds the raw records of all partitions.

Stock Faust spends about 200 microseconds on every message. Here a *message* is a whole batch, so that cost is paid
once per thousands of records. What changes with it, and is written here instead of in Faust:

- what has been read is noted as spans (``pipeline.progress``); the offset to commit never passes an unacked batch;
- Faust's per-offset bookkeeping (gaps, read offsets, acked offsets) is switched off: it would treat the records
  inside a batch as gaps, and fill them as acked;
- where to start is decided in one place (``pipeline.fetching``), and a log that does not hold the
  next record stops the worker.

Registered as the entry point ``dualtrack`` of ``faust.transports``; broker URLs read ``dualtrack://host:port``.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from time import monotonic
from typing import Any, ClassVar, cast

from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, Message
from mode import Service
from yarl import URL

from pipeline.activity import Activity, Phase, told_lag
from pipeline.fetching import BatchConsumerThread, BatchMessage, ReadConfig
from pipeline.progress import Partition, Progress, Span
from schemas.faults import LogGap, Stalled, TerminalFault
from schemas.records import RawRecord

GROUP_CHECK_SECONDS = 1.0

GROUP_ERRORS = 5
"""So many errors of the consumer group in a row, without partitions in between, stop the worker."""


class BatchConsumer(driver.Consumer):
    """Hands batches to the agents and commits what they acked."""

    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: ReadConfig = cast("Any", self.transport).reading
        self._activity: Activity = cast("Any", self.transport).activity
        self._progress = Progress()
        self._committed: dict[TP, int] = {}
        self._generation = 0
        self._group_errors = 0
        self._skipped = False
        self._last_move = (0, monotonic())
        # Faust compares each message with the last offset read, drops what lies before it and counts what lies
        # between as acked. Our messages are whole batches: nothing is remembered here, so nothing is compared.
        self._read_offset = _Forgetful()

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the station's stored offsets if there are any, else to the group's; stops the worker on a LogGap."""
        stored = await self._reading.stored_offsets() if self._reading.stored_offsets else None
        try:
            with self._activity.step("seeking"):
                positions = await self._thread.start_reading(stored)
        except LogGap as gap:
            await _crash(self, gap)
            raise
        self._generation += 1
        self._group_errors = 0
        self._skipped = False
        self._committed.clear()
        self._progress.restart(positions.items())
        self._activity.enter(Phase.RUNNING)
        return positions

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield at most one message: all that is there to read now."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        elif self._skipped:
            await self.perform_seek()
        active = self._get_active_partitions()
        if not active or not self.flow_active:
            await self.sleep(0.1)
            return
        generation = self._generation
        try:
            with self._activity.step("fetching"):
                records, spans = await self._thread.fetch_batch(active, timeout)
        except TerminalFault as fault:
            await self.wait_empty()  # what was read before it is finished: the next start finds only the fault
            await _crash(self, fault)
            return
        if self.should_stop or not self.flow_active:
            return  # a rebalance or the end: what was read is read again, by us or another worker
        # Partitions that were taken from us meanwhile belong to another worker, which reads them from its own position.
        if lost := spans.keys() - active:
            records = [record for record in records if (record.topic, record.partition) not in lost]
            spans = {tp: span for tp, span in spans.items() if tp not in lost}
        if records:
            message = self._message(records, spans, generation)
            yield message.tp, message
        elif generation == self._generation:
            self._progress.finish(spans)  # markers of transactions: nothing to work on

    def _message(self, records: list[RawRecord], spans: Mapping[Partition, Span], generation: int) -> BatchMessage:
        first = records[0]
        tp = TP(first.topic, first.partition)
        for partition in spans:
            self.app.monitor.track_tp_end_offset(TP(*partition), self.highwater(TP(*partition)) or 0)
        message = BatchMessage(
            *(first.topic, first.partition, first.offset, first.timestamp_ms / 1000, 0, None, None),
            value=cast("Any", tuple(records)),
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.spans, message.generation = spans, generation
        return message

    def ack(self, message: Message) -> bool:
        """Count a finished batch as done. One that Faust skipped unfinished is read again."""
        message.acked = True
        self._unacked_messages.discard(message)
        if not isinstance(message, BatchMessage):
            raise TypeError(f"{message!r} did not come from this consumer")
        if message.finished:
            self._progress.finish(message.spans)
        elif message.generation == self._generation:
            self._skipped = True
        return message.finished

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (TP(*tp) for tp in self._progress if topics is None or tp in topics or tp[0] in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._progress.next_offset(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return offset > self._committed.get(tp, 0)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust notes a failed commit as committed (#316), and would not repeat it.
        try:
            with self._activity.step("committing", _places(offsets)):
                confirmed = await super()._commit(offsets)
        except ConsumerStoppedError:
            return False  # after a crash: what was acked and not committed comes again
        if confirmed:
            self._committed.update(offsets)
        return confirmed

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Take partitions over; where to begin in them is known when ``seek_to_committed`` has run."""
        self._activity.assigned({(tp.topic, tp.partition) for tp in assigned})
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give partitions away; ``wait_empty`` is called in here and commits them, so they are forgotten last."""
        await super().on_partitions_revoked(revoked)
        self._progress.forget(revoked)

    async def wait_empty(self) -> None:
        """Before partitions are given away or the worker ends: let the running batch be acked, then commit."""
        deadline = monotonic() + self._reading.finish_seconds
        while self._unacked_messages and not self.should_stop and monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self.commit()

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: Faust would stop fetching one partition, but the buffer holds batches of all of them."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing: see on_buffer_full."""

    @Service.task
    async def _group_watch(self) -> None:
        await self._watch_group()

    async def _watch_group(self) -> None:
        """aiokafka leaves the group in silence after an error until it is asked for; Faust never asks, and stalls."""
        async for _ in self.itertimer(GROUP_CHECK_SECONDS, name="group"):
            try:
                await self._thread.check_group()
            except ConsumerStoppedError:
                return
            except KafkaError as exc:
                self._group_errors += 1
                self.log.warning("Error %d in the consumer group, joining again: %r", self._group_errors, exc)
                if self._group_errors >= GROUP_ERRORS:
                    await _crash(self, exc)

    async def verify_all_partitions_active(self) -> None:
        """Faust's regular look for stalls, ours instead: lag without progress stops the worker."""
        now, (finished, since) = monotonic(), self._last_move
        lag = await self._lag()
        self._activity.lag = lag
        if finished != self._progress.finished_spans or not any(lag.values()):
            self._last_move = (self._progress.finished_spans, now)
            self._activity.nothing_waits()
        elif now - since > self._reading.stall_seconds:
            told = f"{sum(lag.values())} records wait ({told_lag(lag)}), and none was finished for {now - since:.0f} s"
            await _crash(self, Stalled(f"{told}; {self._activity.where_it_is()}"))

    async def _lag(self) -> dict[Partition, int]:
        """Records that are not finished, by partition; empty where the broker does not say."""
        try:
            ends = await self._thread.highwaters(*(TP(*tp) for tp in self._progress))
        except ConsumerStoppedError:
            return {}
        except KafkaError as exc:
            self.log.warning("Cannot ask the broker how far its logs reach: %r", exc)
            return {}
        return {
            (tp.topic, tp.partition): max(0, end - (self._progress.next_offset(tp) or 0)) for tp, end in ends.items()
        }


class RecordBatchTransport(driver.Transport):
    """Faust's aiokafka transport, reading in record batches. At least once; the order within a partition is kept."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer

    def __init__(
        self,
        url: list[URL],
        app: AppT,
        reading: ReadConfig | None = None,
        activity: Activity | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(url, app, **kwargs)
        self.reading = reading or ReadConfig()
        self.activity = activity or Activity(app.conf.id)


class _Forgetful(dict[TP, int | None]):
    """A mapping that answers None to everything and keeps nothing."""

    def __getitem__(self, _key: TP) -> None:
        return None

    def __setitem__(self, _key: TP, _value: int | None) -> None:
        pass

    def update(self, *_args: Any, **_kwargs: Any) -> None:
        pass


def _places(offsets: Mapping[TP, int]) -> str:
    return ", ".join(f"{tp.topic}/{tp.partition} up to {offset}" for tp, offset in sorted(offsets.items()))


async def _crash(consumer: BatchConsumer, fault: Exception) -> None:
    consumer._activity.fail(f"{type(fault).__name__}: {fault}")
    consumer.log.critical("%s stops: %s: %s", consumer.app.conf.id, type(fault).__name__, fault)
    await consumer.app.crash(fault)
