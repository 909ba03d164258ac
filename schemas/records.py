"""Records as they stand on a log: what a batch is made of, on Kafka and in a file alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Headers = tuple[tuple[str, bytes], ...]

_LAST_MS = 253_402_300_799_000
"""9999-12-31T23:59:59Z."""


@dataclass(frozen=True, slots=True, order=True)
class InputName:
    """The name of one input: where its raw record stands. Every input ends in exactly one outcome."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "InputName":
        """Read ``topic/partition/offset``; raises ValueError with the expected form otherwise."""
        try:
            topic, partition, offset = text.rsplit("/", 2)
            return cls(topic, int(partition), int(offset))
        except ValueError:
            raise ValueError(f"{text!r} names no input: write topic/partition/offset") from None


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as it was read from a log; nothing in it is decoded.

    ``timestamp_ms`` is the record's own timestamp in the log, milliseconds since 1970 UTC.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    cut_from: int | None = None
    """Bytes of the whole record, where it is larger than any that is read and its end was left out."""

    @property
    def name(self) -> InputName:
        return InputName(self.topic, self.partition, self.offset)

    @property
    def timestamp(self) -> datetime:
        """The timestamp in UTC. Clients may write any number there: what lies outside 1970 to 9999 is clamped."""
        return datetime.fromtimestamp(min(max(self.timestamp_ms, 0), _LAST_MS) / 1000, UTC)

    def header(self, name: str) -> bytes | None:
        """The last header of that name, as Kafka's own clients read repeated headers."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


@dataclass(frozen=True, slots=True)
class OutRecord:
    """One record to be written to a log."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()


RecordBatch = Sequence[RawRecord]
