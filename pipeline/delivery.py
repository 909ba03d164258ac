"""Writing to Kafka: every record is confirmed by the broker, or the caller learns that it is not.

``confluent_kafka.aio.AIOProducer`` refuses headers (2.16: "Headers are not supported in AIOProducer batch mode"),
and all our outputs carry some. So librdkafka's synchronous producer runs in one thread of its own, a batch at a time.
"""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from pipeline.log_tail import not_yet_sent
from schemas.faults import DeliveryFailed, RecordRefused
from schemas.records import OutRecord
from schemas.topics import MAX_OUT_BYTES

logger = logging.getLogger(__name__)

HEADROOM_BYTES = 64 * 1024
"""For key, headers and the batch's own header, on top of the largest value."""

QUEUE_KBYTES = 32 * 1024
"""What librdkafka may hold unsent; its own default is 1 GB. Enough to keep a broker busy (over a second at 25 MB/s); a
batch that is larger waits in ``_produce`` for room."""

_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._INVALID_ARG,
        KafkaError._FATAL,
    }
)
_POLL_EVERY = 1000


@dataclass(frozen=True)
class ProducerConfig:
    """How to write to a broker."""

    bootstrap_servers: str
    """``host:port``, several separated by commas."""

    idempotent: bool = True
    """No duplicates and no reordering when a request is repeated. Brokers older than 0.11 lack it."""

    compression: str | None = None
    """``lz4``, ``zstd``, ``gzip``, ``snappy`` or none."""

    linger_ms: int = 5
    """How long librdkafka waits for more records before it sends a request."""

    timeout_seconds: float = 30.0
    """A record that is not confirmed within this time has failed."""

    security: Mapping[str, str] = field(default_factory=dict)
    """librdkafka settings for TLS and SASL (``security.protocol``, ``sasl.mechanism`` ...), passed on as they are."""

    def librdkafka(self) -> dict[str, str | int | float | bool]:
        """These settings under librdkafka's names."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "acks": "all",
            "enable.idempotence": self.idempotent,
            "message.max.bytes": MAX_OUT_BYTES + HEADROOM_BYTES,
            "message.timeout.ms": int(self.timeout_seconds * 1000),
            "linger.ms": self.linger_ms,
            # As publishers and Java do it: librdkafka's own default puts one key into another partition than they do.
            "partitioner": "murmur2_random",
            "queue.buffering.max.kbytes": QUEUE_KBYTES,
            "compression.type": self.compression or "none",
            **self.security,
        }


class _Reports:
    """The delivery reports of one ``send_all``; librdkafka calls it once for every record."""

    def __init__(self) -> None:
        self.confirmed = 0
        self.failures: list[KafkaError] = []

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self.failures.append(error)

    @property
    def total(self) -> int:
        return self.confirmed + len(self.failures)


class Producer:
    """Sends batches and waits for their confirmation. At least once: a failed batch may have arrived in part.

    Records of one key keep their order within a batch and from one batch to the next.
    """

    def __init__(self, config: ProducerConfig) -> None:
        self._config = config
        self._producer = confluent_kafka.Producer(config.librdkafka(), logger=logger)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dualtrack-producer")

    async def send_all(self, records: Sequence[OutRecord]) -> None:
        """Return when every record is confirmed; raise DeliveryFailed or RecordRefused otherwise."""
        if records:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._send_all, records)

    async def send_those_missing(self, records: Sequence[OutRecord]) -> None:
        """The same for records that may have been sent before: what stands at the end of the log is left out."""
        settings = {"bootstrap.servers": self._config.bootstrap_servers, **self._config.security}
        look = functools.partial(not_yet_sent, records, settings)
        await self.send_all(await asyncio.get_running_loop().run_in_executor(self._thread, look))

    async def close(self) -> None:
        """Give up what is still unconfirmed (nobody waits for it any more) and release the thread."""
        self._producer.purge()
        await asyncio.to_thread(self._thread.shutdown)

    def _send_all(self, records: Sequence[OutRecord]) -> None:
        reports = _Reports()
        try:
            self._hand_over(records, reports)
        finally:
            # Also when a record was refused: reports that arrive later would be counted for the wrong batch.
            self._await_reports(reports)
        if reports.failures:
            raise _fault_of(reports, len(records))

    def _hand_over(self, records: Sequence[OutRecord], reports: _Reports) -> None:
        for index, record in enumerate(records):
            self._produce(record, reports)
            if index % _POLL_EVERY == 0:
                self._producer.poll(0)

    def _produce(self, record: OutRecord, reports: _Reports) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, headers=list(record.headers), on_delivery=reports
                )
                return
            except BufferError:
                # librdkafka's queue is full: reports must be read before it takes more.
                self._producer.poll(0.1)
            except KafkaException as exc:
                size = len(record.value)
                raise RecordRefused(f"{record.topic} does not take a record of {size} bytes: {exc}") from exc

    def _await_reports(self, reports: _Reports) -> None:
        # librdkafka reports every record that it took, at the latest when its timeout is over.
        while self._producer.flush(1.0) > 0:
            logger.debug("%d records wait for confirmation", len(self._producer))


def _fault_of(reports: _Reports, asked: int) -> DeliveryFailed | RecordRefused:
    kinds = Counter(error.str() for error in reports.failures)
    reasons = ", ".join(f"{text} ({count})" for text, count in kinds.most_common(3))
    message = f"{len(reports.failures)} of {asked} records were not confirmed: {reasons}"
    refused = any(error.fatal() or error.code() in _REFUSALS for error in reports.failures)
    return RecordRefused(message) if refused else DeliveryFailed(message)
