"""Replay rejected inputs after a fix: each replay is a new input that names the old one, and lands at most once.

An input that came through Kafka goes back to its topic, where the workers read it. One that was loaded from a file is
run through the two flow functions here, as ``replay:<attempt>:<topic>`` at its old place. What is open is said in one
place, ``sinks.view_texts.REJECTION_STATUS``: the view ``rejections_open`` and this command read the same text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from dualtrack.condition import bad_condition, checked_condition
from dualtrack.loading import as_read, validated_or_decided
from pipeline.flow import SettleTools, ValidateTools, settle_batch
from publishers.sdk import EventRefused, Publisher
from schemas.headers import INPUT_HEADERS, REPLAY_OF
from schemas.outcomes import Stage
from schemas.records import Headers, InputName, RawRecord
from schemas.settling import Landed
from schemas.topics import DECISIONS, RAW_TOPICS, VALIDATED
from sinks.view_texts import REJECTION_STATUS

CONDITION_COLUMNS: Final = {
    "topic": "text",
    "partition": "number",
    "offset": "number",
    "stage": "text",
    "rule": "text",
    "reason": "text",
    "known_at": "time",
    "rejected_at": "time",
    "attempts": "number of replays",
    "value": "text",
    "key": "text",
    "headers": "map of text",
}
"""What a condition (``--where``) may speak of. Bytes that are no UTF-8 read ``\\xFF``; of a repeated header the last
counts."""


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

    @property
    def name(self) -> InputName:
        """The input's name."""
        return InputName.parse(self.input)

    @property
    def from_kafka(self) -> bool:
        """Does it go back to a topic?"""
        return self.destination is not None

    @property
    def destination(self) -> str | None:
        """The topic that it goes back to; None for what was loaded from a file."""
        if self.stage == Stage.SETTLE and self.rule == "not_a_validated_signal":
            return VALIDATED
        topic = self.name.topic
        return topic if topic in RAW_TOPICS or topic == DECISIONS else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rejections: all that every part which is given fits."""

    stage: str | None = None
    rule: str | None = None
    where: str | None = None
    """A condition in SQL over CONDITION_COLUMNS."""
    landed_too: bool = False
    """Those that a replay has landed as well."""


@dataclass(frozen=True, slots=True)
class Republished:
    """What went back to Kafka, and what the publisher refused, with the reason."""

    confirmed: int
    refused: dict[str, str]


def _text(column: str) -> str:
    return f"coalesce(TRY(decode({column})), {column}::VARCHAR)"


_HEADERS = f"""
    map(list_distinct(list_transform(headers, lambda h: h."name")),
        list_transform(list_distinct(list_transform(headers, lambda h: h."name")), lambda n: list_last(list_transform(
            list_filter(headers, lambda h: h."name" = n), lambda h: {_text('h."value"')}))))
"""
_ALL = f"""
    SELECT topic, "partition", "offset", stage, rule, reason, known_at, rejected_at, replays AS attempts,
           {_text('"value"')} AS "value", {_text('"key"')} AS "key", {_HEADERS} AS headers, input, landed, is_open,
           is_replay
    FROM ({REJECTION_STATUS})
"""
_STORED = f"""
    SELECT topic, "partition", "offset", "key", "value", headers, epoch_ms(known_at), stage, rule, reason, replay_of,
           replays
    FROM ({REJECTION_STATUS})
"""


def open_rejections(connection: Any) -> list[ListedRejection]:
    """Rejections that no replay has landed yet."""
    return list_rejections(connection, Selection())


def list_rejections(connection: Any, selection: Selection) -> list[ListedRejection]:
    """Rejections that are open, or all of them, oldest first; each once, however often it was replayed.

    Raises BadCondition.
    """
    public = ", ".join(f'"{name}"' for name in CONDITION_COLUMNS)
    condition = "true"
    if selection.where is not None:
        relation = f"SELECT {public} FROM ({_ALL})"
        condition = checked_condition(connection, selection.where, relation, CONDITION_COLUMNS)
    sql = f"""
        SELECT input, stage, rule, reason, rejected_at, attempts, landed FROM ({_ALL})
        WHERE {"NOT is_replay" if selection.landed_too else "is_open"}
            AND stage = coalesce(?, stage) AND rule = coalesce(?, rule) AND ({condition})
        ORDER BY known_at, topic, "partition", "offset"
    """
    try:
        rows = connection.execute(sql, [selection.stage, selection.rule]).fetchall()
    except duckdb.Error as error:
        if selection.where is None:
            raise
        raise bad_condition(error, CONDITION_COLUMNS) from None
    return [ListedRejection(*row) for row in rows]


def read_rejections(connection: Any, names: Sequence[str]) -> list[Rejection]:
    """These rejections with their bytes, in the order of the names; a name that was not rejected is left out."""
    rows = connection.execute(f"{_STORED} WHERE input IN (SELECT unnest(?::VARCHAR[]))", [list(names)]).fetchall()
    found = {str(one.name): one for one in map(_rejection, rows)}
    return [found[name] for name in names if name in found]


def find_rejection(connection: Any, name: InputName) -> Rejection | None:
    """The rejection of that input, or None."""
    return next(iter(read_rejections(connection, [str(name)])), None)


def _rejection(row: tuple[Any, ...]) -> Rejection:
    topic, partition, offset, key, value, headers, timestamp_ms, stage, rule, reason, replay_of, attempts = row
    pairs = tuple((header["name"], header["value"]) for header in headers)
    record = RawRecord(topic, partition, offset, key, value, pairs, timestamp_ms)
    return Rejection(record, stage, rule, reason, replay_of, attempts)


def republish(rejections: Sequence[Rejection], destinations: Mapping[str, str], publisher: Publisher) -> Republished:
    """Send them back to their topics, byte for byte. Raises NotDelivered when Kafka does not confirm."""
    refused = {}
    for rejection in rejections:
        record, topic = rejection.record, destinations[str(rejection.name)]
        try:
            publisher.send_raw(topic, record.value, key=record.key, headers=_replay_headers(record, topic))
        except EventRefused as error:
            refused[str(record.name)] = str(error)
    return Republished(publisher.flush(), refused)


def _replay_headers(record: RawRecord, topic: str) -> Headers:
    """The original ones, and which input this replays. What settle refused is a new input: its old name goes."""
    dropped = {REPLAY_OF} | (INPUT_HEADERS if topic == VALIDATED else set())
    return (*(header for header in record.headers if header[0] not in dropped), (REPLAY_OF, str(record.name).encode()))


def replay_here(rejections: Sequence[Rejection], validate: ValidateTools, settle: SettleTools) -> Landed:
    """Run them through the flow in this process, in one batch."""
    timestamp_ms = int(settle.clock().timestamp() * 1000)
    records = [_again(rejection, timestamp_ms) for rejection in rejections]
    outputs = validated_or_decided(records, validate)
    return settle_batch(as_read(outputs, timestamp_ms), settle, next_offsets={}).landed


def _again(rejection: Rejection, timestamp_ms: int) -> RawRecord:
    old = rejection.record
    return RawRecord(
        topic=f"replay:{rejection.attempts + 1}:{old.topic}",
        partition=old.partition,
        offset=old.offset,
        key=old.key,
        value=old.value,
        headers=_replay_headers(old, old.topic),
        timestamp_ms=timestamp_ms,
    )
