"""Replay rejected inputs after a fix: each replay is a new input that names the old one, and lands at most once.

An input that came through Kafka goes back to its raw topic, where the workers read it. One that was loaded from a
file is run through the two flow functions here, as ``replay:<attempt>:<topic>`` at its old place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualtrack.loading import as_read
from pipeline.flow import SettleTools, ValidateTools, settle_batch, validate_batch
from publishers.sdk import Publisher
from schemas.headers import REPLAY_OF
from schemas.records import InputName, RawRecord
from schemas.settling import Landed
from schemas.topics import RAW_TOPICS


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected input as it is stored: the raw record, and why."""

    record: RawRecord
    stage: str
    rule: str
    reason: str
    replay_of: str | None
    attempts: int
    """How often it has been replayed."""

    @property
    def name(self) -> InputName:
        """The input's name, which ``rejections show`` and ``replay`` take."""
        return self.record.name

    @property
    def from_kafka(self) -> bool:
        """Does it go back to a topic?"""
        return self.record.topic in RAW_TOPICS


_STORED = """
    SELECT r.topic, r."partition", r."offset", r."key", r."value", r.headers, epoch_ms(r.known_at), r.stage, r.rule,
           r.reason, r.replay_of,
           (SELECT count(*) FROM outcomes o WHERE o.replay_of = r.topic || '/' || r."partition" || '/' || r."offset"),
           exists(SELECT 1 FROM outcomes o WHERE o.outcome <> 'rejected'
                  AND o.replay_of = r.topic || '/' || r."partition" || '/' || r."offset")
    FROM rejections r
"""


def open_rejections(connection: Any) -> list[Rejection]:
    """Rejections that no replay has landed yet, and that are no failed replay of another, oldest first."""
    rows = connection.execute(f"{_STORED} WHERE r.replay_of IS NULL ORDER BY r.known_at, r.topic, 2, 3").fetchall()
    return [_rejection(row) for row in rows if not row[12]]


def find_rejection(connection: Any, name: InputName) -> Rejection | None:
    """The rejection of that input, or None."""
    place = [name.topic, name.partition, name.offset]
    rows = connection.execute(f'{_STORED} WHERE r.topic = ? AND r."partition" = ? AND r."offset" = ?', place).fetchall()
    return _rejection(rows[0]) if rows else None


def _rejection(row: tuple[Any, ...]) -> Rejection:
    topic, partition, offset, key, value, headers, timestamp_ms, stage, rule, reason, replay_of, attempts, _ = row
    pairs = tuple((header["name"], header["value"]) for header in headers)
    record = RawRecord(topic, partition, offset, key, value, pairs, timestamp_ms)
    return Rejection(record, stage, rule, reason, replay_of, attempts)


def republish(rejections: Sequence[Rejection], publisher: Publisher) -> int:
    """Send them back to their raw topics, byte for byte; returns how many Kafka confirmed."""
    for rejection in rejections:
        record = rejection.record
        headers = (*record.headers, (REPLAY_OF, str(record.name).encode()))
        publisher.send_raw(record.topic, record.value, key=record.key, headers=headers)
    return publisher.flush()


def replay_here(rejections: Sequence[Rejection], validate: ValidateTools, settle: SettleTools) -> Landed:
    """Run them through the flow in this process, in one batch."""
    timestamp_ms = int(settle.clock().timestamp() * 1000)
    records = [_again(rejection, timestamp_ms) for rejection in rejections]
    validated = validate_batch(records, validate)
    outputs = [*validated.passed, *validated.rejected]
    return settle_batch([as_read(output, timestamp_ms) for output in outputs], settle, next_offsets={}).landed


def _again(rejection: Rejection, timestamp_ms: int) -> RawRecord:
    old = rejection.record
    return RawRecord(
        topic=f"replay:{rejection.attempts + 1}:{old.topic}",
        partition=old.partition,
        offset=old.offset,
        key=old.key,
        value=old.value,
        headers=(*old.headers, (REPLAY_OF, str(old.name).encode())),
        timestamp_ms=timestamp_ms,
    )
