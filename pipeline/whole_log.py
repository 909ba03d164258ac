"""The whole log, from its beginning to where it ends now: read once, in no consumer group, for a rebuild.

Read by the same client and the same buffers as the workers' (``fetching``), so that each record is what they read.
"""

import asyncio
import heapq
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiokafka
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline import buffering
from pipeline.fetching import ReadConfig, raw_record
from pipeline.progress import Partition, Span
from pipeline.reaching import quiet_client, topics_of
from schemas.faults import BrokerUnreachable, LogGap, Stalled, TopicsMissing
from schemas.records import RawRecord

T = TypeVar("T")

REACH_SECONDS: Final = 10.0
STALL_SECONDS: Final = 60.0
"""Longest wait for a record that stands on the log."""

_POLL_MS: Final = 500

buffering.install()


class WholeLog:
    """The partitions of some topics. ``spans`` says what each holds, as of entering the block."""

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        *,
        librdkafka: Mapping[str, str] | None = None,
        aiokafka_options: Mapping[str, Any] | None = None,
        reading: ReadConfig | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """``librdkafka`` and ``aiokafka_options`` secure the connection (``Settings``: librdkafka, kafka_python)."""
        self.spans: Mapping[Partition, Span] = {}
        self._servers = bootstrap_servers
        self._topics = topics
        self._librdkafka = librdkafka or {}
        self._options = aiokafka_options or {}
        self._reading = reading or ReadConfig()
        self._stall = stall_seconds
        self._loop = asyncio.new_event_loop()
        self._consumer: Any = None

    def __enter__(self) -> Self:
        """Connect. Raises BrokerUnreachable, BrokerRefused, TopicsMissing."""
        try:
            places = self._places()
            self._wait(self._start(places))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._end()

    def batches(self, until: Mapping[Partition, int] | None = None) -> Iterator[list[RawRecord]]:
        """Every record before ``until`` (else before the ends), in batches; each in the order of the timestamps.

        The order within a partition is kept. Raises LogGap where records are deleted meanwhile, Stalled where none
        comes although some are there.
        """
        ends = {
            place: span.end if until is None else min(span.end, until.get(place, 0))
            for place, span in self.spans.items()
        }
        left = {place for place, end in ends.items() if end > self.spans[place].start}
        self._wait(self._begin(left))
        while left:
            batch = self._wait(self._batch(ends, left))
            if batch:
                yield batch

    def _places(self) -> list[Partition]:
        present = topics_of(self._servers, self._librdkafka, REACH_SECONDS)
        missing = [topic for topic in self._topics if topic not in present]
        if missing:
            raise TopicsMissing(
                f"The broker at {self._servers} has no topic {', '.join(missing)}: is it the right one?"
            )
        client, _ = quiet_client(self._servers, self._librdkafka)
        found = client.list_topics(timeout=REACH_SECONDS).topics
        return [(topic, number) for topic in self._topics for number in sorted(found[topic].partitions)]

    async def _start(self, places: Sequence[Partition]) -> None:
        self._consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=[server.strip() for server in self._servers.split(",")],
            group_id=None,
            enable_auto_commit=False,
            # Records that vanish while we read are an error, not a reason to go on behind them.
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_bytes=buffering.ANSWER_BYTES,
            max_partition_fetch_bytes=self._reading.partition_fetch_bytes,
            **self._options,
        )
        await self._consumer.start()
        tps = [aiokafka.TopicPartition(*place) for place in places]
        firsts, ends = await self._consumer.beginning_offsets(tps), await self._consumer.end_offsets(tps)
        self.spans = {(tp.topic, tp.partition): Span(firsts[tp], ends[tp]) for tp in tps}

    async def _begin(self, places: set[Partition]) -> None:
        if places:
            self._consumer.assign([aiokafka.TopicPartition(*place) for place in places])
        for place in places:
            self._consumer.seek(aiokafka.TopicPartition(*place), self.spans[place].start)

    async def _batch(self, ends: Mapping[Partition, int], left: set[Partition]) -> list[RawRecord]:
        """The next records; takes what is done out of ``left``."""
        found: dict[Partition, list[RawRecord]] = {}
        count, size, deadline = 0, 0, time.monotonic() + self._stall
        while left and count < self._reading.max_records and size < self._reading.max_bytes:
            chunk = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._reading.max_records - count)
            for tp, records in chunk.items():
                place = (tp.topic, tp.partition)
                wanted = [raw_record(record) for record in records if record.offset < ends[place]]
                found.setdefault(place, []).extend(wanted)
                count += len(wanted)
                size += sum(len(record.value) for record in wanted if record.value)
            done = await self._done(ends, left)
            if chunk or done:
                deadline = time.monotonic() + self._stall
            elif time.monotonic() > deadline:
                raise Stalled(f"{_told(left)}: nothing came for {self._stall:.0f} s, although records stand there")
        return list(heapq.merge(*found.values(), key=lambda record: record.timestamp_ms))

    async def _done(self, ends: Mapping[Partition, int], left: set[Partition]) -> bool:
        """Take the partitions that were read to their end out of ``left``; were there any?"""
        done = set()
        for place in left:
            tp = aiokafka.TopicPartition(*place)
            # The position: the last offsets may be markers of transactions, which are no records.
            if await self._consumer.position(tp) >= ends[place]:
                self._consumer.pause(tp)
                done.add(place)
        left -= done
        return bool(done)

    def _wait(self, call: Awaitable[T]) -> T:
        try:
            return self._loop.run_until_complete(asyncio.ensure_future(call, loop=self._loop))
        except OffsetOutOfRangeError as error:
            raise LogGap(f"records were deleted from the log while it was read: {error}") from error
        except KafkaError as error:
            raise BrokerUnreachable(f"Kafka at {self._servers} does not let the log be read: {error}") from error

    def _end(self) -> None:
        try:
            if self._consumer is not None:
                # What went wrong while reading was raised there.
                with suppress(KafkaError):
                    self._loop.run_until_complete(self._consumer.stop())
        finally:
            self._loop.close()


def _told(places: set[Partition]) -> str:
    return ", ".join(f"{topic}/{number}" for topic, number in sorted(places)[:5])
