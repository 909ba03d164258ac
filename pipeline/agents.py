"""Kafka in, the station's work, Kafka out, delivery, ack: in this order, for every batch. No logic.

1. One message of the transport is one batch: the raw records of all partitions that had any.
2. The station processes it, in its dedicated thread.
3. Its outputs are produced, and their delivery is awaited.
4. Only then the batch is acked; the transport commits after the last acked batch.
5. The station's tick (the outbox): its outputs are delivered, then reported to it as delivered.

Steps 2, 3 and 5 are repeated where a transient fault says that it may help. Any other fault, or one that stays, stops
the worker before anything later is acked: exit code 1, and the restart reads the same batch again. A fault never
skips a batch.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import faust
from faust.types import AppT, CodecArg, Message
from mode import Service
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from pipeline import telemetry as names
from pipeline.activity import CLOSING_STEP, OPENING_STEP, Activity, Phase
from pipeline.dedicated import DedicatedThread
from pipeline.delivery import Producer, ProducerConfig
from pipeline.fetching import BatchMessage
from pipeline.measuring import Telemetry
from pipeline.progress import Partition
from pipeline.stations import Station
from schemas.faults import TransientFault
from schemas.records import OutRecord, RecordBatch

logger = logging.getLogger(__name__)

T = TypeVar("T")
Loads = Callable[..., Any] | None


@dataclass(frozen=True)
class RetryConfig:
    """How often a transient fault is met with another try."""

    attempts: int = 6
    """Tries in all."""

    first_wait_seconds: float = 0.2
    """Before the second try, with a random share added; doubles from then on."""

    longest_wait_seconds: float = 10.0
    """No wait is longer."""


class StationService(Service):
    """Runs one station: its thread, its producer, its ticks. Started before the app's consumer, stopped after it."""

    def __init__(
        self,
        station: Station,
        producer_config: ProducerConfig,
        retry: RetryConfig,
        stop_grace_seconds: float = 30.0,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__()
        self.station = station
        self.telemetry = telemetry or Telemetry()
        self.activity = Activity(station.name)
        self._producer_config = producer_config
        self._retry = retry
        self._grace = stop_grace_seconds
        self._thread = DedicatedThread(f"dualtrack-{station.name}")
        self.activity.stack = self._thread.stack
        self.activity.standing_by = lambda: station.standing_by
        self._producer: Producer | None = None
        self._doubtful = True
        """May some of what the next tick hands over have been sent before? By a process that crashed, for one."""
        self._turn = asyncio.Lock()

    async def on_start(self) -> None:
        """Open the station. A standby waits here, before the worker joins the consumer group."""
        self._thread.start()
        with self.activity.step(OPENING_STEP):
            await self._thread.run(self.station.open)
        self._producer = Producer(self._producer_config)
        self.activity.enter(Phase.JOINING)

    async def on_stop(self) -> None:
        """Let a running batch come to its end (it stays unacked), then close the station and the producer."""
        if self._producer is None:
            return  # open() did not return: there is nothing to close, and its thread ends with the process
        try:
            with self.activity.step(CLOSING_STEP):
                await asyncio.wait_for(self._thread.run(self.station.close), self._grace)
        except TimeoutError:
            where = self.activity.where_it_is()
            logger.warning("%s did not come to an end in %.0f s: %s", self.station.name, self._grace, where)
        self._thread.end()
        await self._producer.close()

    async def handle(self, records: RecordBatch, where: str = "") -> None:
        """Steps 2 and 3: process one batch and deliver what came out of it. ``where`` is for people."""
        async with self._turn:
            begun = time.perf_counter()
            process = self.station.process
            outputs = await self._insist("station.process", where, lambda: self._thread.run(process, records))
            processed = time.perf_counter()
            await self._deliver(outputs, where)
        station = self.station.name
        self.telemetry.observe(names.BATCH_RECORDS, len(records), station=station)
        self.telemetry.observe(names.BATCH_SECONDS, processed - begun, station=station)
        for topic, count in Counter(record.topic for record in records).items():
            self.telemetry.add(names.RECORDS_IN, count, station=station, topic=topic)

    async def tick(self) -> None:
        """Step 5: deliver what waits in the station's outbox."""
        async with self._turn:
            outputs = await self._insist("station.tick", "", lambda: self._thread.run(self.station.tick))
            if outputs:
                await self._deliver_once(outputs)
                await self._insist("station.delivered", "", lambda: self._thread.run(self.station.delivered, outputs))
            self._doubtful = False

    async def stored_offsets(self) -> Mapping[Partition, int] | None:
        """The station's stored offsets, read after whatever it is doing now."""
        return await self._insist("station.stored_offsets", "", lambda: self._thread.run(self.station.stored_offsets))

    async def _deliver_once(self, outputs: Sequence[OutRecord]) -> None:
        """What has an idempotency key is looked up on the log where it may stand there already."""
        producer = self._started_producer()

        async def send() -> None:
            doubtful, self._doubtful = self._doubtful, True  # until it is noted as delivered
            await (producer.send_those_missing(outputs) if doubtful else producer.send_all(outputs))

        await self._send(outputs, "", send)

    async def _deliver(self, outputs: Sequence[OutRecord], where: str = "") -> None:
        producer = self._started_producer()
        if outputs:
            await self._send(outputs, where, lambda: producer.send_all(outputs))

    def _started_producer(self) -> Producer:
        if self._producer is None:
            raise RuntimeError(f"{self.station.name} has no producer before it is started")
        return self._producer

    async def _send(self, outputs: Sequence[OutRecord], where: str, send: Callable[[], Awaitable[None]]) -> None:
        station, begun = self.station.name, time.perf_counter()
        await self._insist("delivering", where, send)
        self.telemetry.observe(names.DELIVERY_SECONDS, time.perf_counter() - begun, station=station)
        for topic, count in Counter(record.topic for record in outputs).items():
            self.telemetry.add(names.RECORDS_OUT, count, station=station, topic=topic)

    async def _insist(self, step: str, where: str, call: Callable[[], Awaitable[T]]) -> T:
        with self.activity.step(step, where):
            return await self._until_it_passes(step, call)

    async def _until_it_passes(self, step: str, call: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TransientFault),
            stop=stop_after_attempt(self._retry.attempts),
            wait=wait_exponential(self._retry.first_wait_seconds, self._retry.longest_wait_seconds)
            + wait_random(0, self._retry.first_wait_seconds),
            before_sleep=lambda state: self._note_retry(step, state),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await call()
        raise AssertionError("tenacity ends by returning or raising")

    def _note_retry(self, step: str, state: RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        self.telemetry.add(names.RETRIES, station=self.station.name, step=step)
        logger.warning("%s: try %d failed, trying again: %r", self.station.name, state.attempt_number, fault)


def register(app: faust.App, service: StationService, tick_seconds: float) -> None:
    """Give the app its one agent and its timer."""
    source = app.topic(*service.station.topics, schema=_Untouched())

    # One at a time: with more, a later batch could be acked while an earlier one fails.
    @app.agent(source, name=service.station.name, concurrency=1)
    async def work(stream: Any) -> None:
        async for event in stream.noack().events():
            if not await _batch(app, service, event):
                return

    @app.timer(tick_seconds)
    async def tick() -> None:
        await _guarded(app, service, "its tick", service.tick)


async def _batch(app: faust.App, service: StationService, event: Any) -> bool:
    """One batch, steps 1 to 5; False when the worker stops."""
    message: BatchMessage = event.message
    where = _where(message)
    if not await _guarded(app, service, where, lambda: service.handle(event.value, where)):
        return False
    message.finished = True
    event.ack()
    service.activity.finished()
    return await _guarded(app, service, "its tick", service.tick)


async def _guarded(app: faust.App, service: StationService, where: str, call: Callable[[], Awaitable[None]]) -> bool:
    """Call it; on a fault stop the worker and return False."""
    if app.should_stop:
        return False
    try:
        await call()
    # The one place where every exception is caught: whatever it is, nothing later may be acked. Left to Faust, it
    # would restart the agent with the next batch and commit past this one.
    except Exception as fault:
        service.activity.fail(f"at {where}: {type(fault).__name__}: {fault}")
        logger.critical(
            "%s stops at %s: %s: %s. Nothing of it is acknowledged; the next start reads it again.",
            *(app.conf.id, where, type(fault).__name__, fault),
            extra={"where": where, "fault": type(fault).__name__},
        )
        await app.crash(fault)
        return False
    return True


def _where(message: BatchMessage) -> str:
    parts = (f"{topic}/{number} {span.start}-{span.end - 1}" for (topic, number), span in sorted(message.spans.items()))
    return ", ".join(parts)


class _Untouched(faust.Schema[None, RecordBatch]):
    """Hands the transport's batch to the agent as it is: there is nothing to decode."""

    def loads_key(self, app: AppT, message: Message, *, loads: Loads = None, serializer: CodecArg = None) -> None:
        """A batch has no key."""

    def loads_value(self, app: AppT, message: Message, *, loads: Loads = None, serializer: CodecArg = None) -> Any:
        """The records, as the transport made them."""
        return message.value
