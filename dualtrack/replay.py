"""Replay rejected inputs after a fix: each replay is a new input that names the old one, and lands at most once.

An input that came through Kafka goes back to its raw topic, where the workers read it. One that was loaded from a
file is run through the two flow functions here, as ``replay:<attempt>:<topic>`` at its old place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dualtrack.loading import as_read
from pipeline.flow import SettleTools, ValidateTools, settle_batch, validate_batch
from publishers.sdk import EventRefused, Publisher
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


@dataclass(frozen=True, slots=True)
class ListedRejection:
    """A rejection without its bytes: there may be many."""

    input: str
    stage: str
    rule: str
    reason: str
    rejected_at: datetime
    attempts: int
    landed: bool
    """Has a replay landed it (or found that it had landed already)?"""


@dataclass(frozen=True, slots=True)
class Republished:
    """What went back to Kafka, and what the publisher refused, with the reason."""

    confirmed: int
    refused: dict[str, str]


# A replay that was rejected again is a rejection too; it stays out, because the one that it replays stands for both.
_FIRSTS = """
    FROM rejections r
    LEFT JOIN (
        SELECT replay_of, count(*) AS attempts, bool_or(outcome <> 'rejected') AS landed
        FROM outcomes WHERE replay_of IS NOT NULL GROUP BY replay_of
    ) again ON again.replay_of = r.topic || '/' || r."partition" || '/' || r."offset"
"""
_STORED = f"""
    SELECT r.topic, r."partition", r."offset", r."key", r."value", r.headers, epoch_ms(r.known_at), r.stage, r.rule,
           r.reason, r.replay_of, coalesce(again.attempts, 0)
    {_FIRSTS}
"""
_LISTED = f"""
    SELECT r.topic || '/' || r."partition" || '/' || r."offset", r.stage, r.rule, r.reason, r.rejected_at,
           coalesce(again.attempts, 0), coalesce(again.landed, false)
    {_FIRSTS}
    WHERE r.replay_of IS NULL AND r.stage = coalesce(?, r.stage) AND r.rule = coalesce(?, r.rule)
    ORDER BY r.rejected_at, r.topic, r."partition", r."offset"
"""


def list_rejections(
    connection: Any, stage: str | None = None, rule: str | None = None, *, landed_too: bool = False
) -> list[ListedRejection]:
    """Rejections that no replay has landed yet, or all of them, oldest first; each once, however often replayed."""
    found = [ListedRejection(*row) for row in connection.execute(_LISTED, [stage, rule]).fetchall()]
    return [item for item in found if landed_too or not item.landed]


def open_rejections(connection: Any) -> list[Rejection]:
    """Rejections that no replay has landed yet, and that are no failed replay of another, oldest first."""
    rows = connection.execute(
        f"{_STORED} WHERE r.replay_of IS NULL AND NOT coalesce(again.landed, false) ORDER BY r.known_at, r.topic, 2, 3"
    ).fetchall()
    return [_rejection(row) for row in rows]


def find_rejection(connection: Any, name: InputName) -> Rejection | None:
    """The rejection of that input, or None."""
    place = [name.topic, name.partition, name.offset]
    rows = connection.execute(f'{_STORED} WHERE r.topic = ? AND r."partition" = ? AND r."offset" = ?', place).fetchall()
    return _rejection(rows[0]) if rows else None


def _rejection(row: tuple[Any, ...]) -> Rejection:
    topic, partition, offset, key, value, headers, timestamp_ms, stage, rule, reason, replay_of, attempts = row
    pairs = tuple((header["name"], header["value"]) for header in headers)
    record = RawRecord(topic, partition, offset, key, value, pairs, timestamp_ms)
    return Rejection(record, stage, rule, reason, replay_of, attempts)


def republish(rejections: Sequence[Rejection], publisher: Publisher) -> Republished:
    """Send them back to their raw topics, byte for byte. Raises NotDelivered when Kafka does not confirm."""
    refused = {}
    for rejection in rejections:
        record = rejection.record
        headers = (*record.headers, (REPLAY_OF, str(record.name).encode()))
        try:
            publisher.send_raw(record.topic, record.value, key=record.key, headers=headers)
        except EventRefused as error:
            refused[str(record.name)] = str(error)
    return Republished(publisher.flush(), refused)


def replay_here(rejections: Sequence[Rejection], validate: ValidateTools, settle: SettleTools) -> Landed:
    """Run them through the flow in this process, in one batch."""
    timestamp_ms = int(settle.clock().timestamp() * 1000)
    records = [_again(rejection, timestamp_ms) for rejection in rejections]
    validated = validate_batch(records, validate)
    outputs = [*validated.passed, *validated.rejected]
    return settle_batch(as_read(outputs, timestamp_ms), settle, next_offsets={}).landed


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
