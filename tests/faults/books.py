"""The books: what a store says became of the inputs, what stands on the broker, and whether both agree."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import confluent_kafka

from dualtrack.settings import Settings
from dualtrack.tools import reading
from schemas import headers
from schemas.faults import Fault
from schemas.records import InputName
from schemas.topics import RAW_TOPICS, SETTLE_READS
from tests.faults.flow import Sent

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True)
class Kept:
    """A record as somebody published it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Books:
    """What a store says became of the inputs."""

    outcomes: tuple[tuple[InputName, str], ...]
    events: Counter[str]
    duplicates: Counter[str]
    rejected: Counter[bytes]
    decisions: Counter[str]
    landed_in_order: tuple[InputName, ...]
    """The inputs of the events, in the order in which they landed."""
    offsets: Mapping[Place, int]
    rejections: Mapping[InputName, Kept]
    """The original record of each, as the store keeps it."""
    replayable: frozenset[InputName]
    """Rejections that are open: what ``rejections replay`` takes."""

    @property
    def counts(self) -> Counter[str]:
        return Counter(outcome for _, outcome in self.outcomes)


def read_books(settings: Settings) -> Books:
    """From the live store where nobody writes it, else from its snapshot."""
    with reading(settings) as connection:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return Books(
            tuple(
                (InputName(topic, partition, offset), outcome)
                for topic, partition, offset, outcome in rows(
                    'SELECT topic, "partition", "offset", outcome FROM outcomes'
                )
            ),
            Counter(id for (id,) in rows("SELECT id FROM events")),
            Counter(id for (id,) in rows("SELECT id FROM duplicates")),
            Counter(value for (value,) in rows('SELECT "value" FROM rejections')),
            Counter(id for (id,) in rows("SELECT id FROM decisions")),
            tuple(
                InputName(*place)
                for place in rows("SELECT input_topic, input_partition, input_offset FROM events ORDER BY rowid")
            ),
            {
                (topic, partition): offset
                for topic, partition, offset in rows(
                    'SELECT topic, "partition", max(next_offset) FROM offsets GROUP BY ALL'
                )
            },
            {
                InputName(topic, partition, offset): Kept(key, value, tuple((h["name"], h["value"]) for h in headers))
                for topic, partition, offset, key, value, headers in rows(
                    'SELECT topic, "partition", "offset", "key", "value", headers FROM rejections'
                )
            },
            frozenset(InputName(*place) for place in rows('SELECT topic, "partition", "offset" FROM rejections_open')),
        )


@dataclass(frozen=True)
class Logs:
    """What stands on the broker."""

    inputs: frozenset[InputName]
    """Every record of the raw topics and of ``decisions``, and what strangers wrote on the others."""

    handed_on: Mapping[Place, tuple[InputName, ...]]
    """What settle reads: by partition, the input of each record, in order from the oldest that there is."""

    raw: Mapping[InputName, Kept]
    """What was published, by input."""

    forgotten: Mapping[Place, int] = field(default_factory=dict)
    """How many records a partition had before the oldest that there is."""

    @property
    def redelivered(self) -> int:
        """How many records validate wrote a second time."""
        names = [name for found in self.handed_on.values() for name in found]
        return len(names) - len(set(names))

    def inputs_before(self, offsets: Mapping[Place, int]) -> set[InputName]:
        """The inputs whose outcome a reader that stands at these offsets must have."""
        return {
            name
            for place, found in self.handed_on.items()
            for name in found[: max(0, offsets.get(place, 0) - self.forgotten.get(place, 0))]
        }


def read_logs(servers: str, forgotten: Mapping[Place, int] | None = None) -> Logs:
    """Everything on the broker; fails where it has forgotten more of it than the caller says."""
    forgotten = forgotten or {}
    consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "faults-reader"})
    try:
        ends = _ends(consumer, [*RAW_TOPICS, *SETTLE_READS], forgotten)
        read = {place: end for place, end in ends.items() if end}
        handed_on: dict[Place, list[InputName]] = {place: [] for place in read if place[0] in SETTLE_READS}
        raw: dict[InputName, Kept] = {}
        for place, message in _messages(consumer, read, forgotten):
            own = InputName(*place, int(message.offset() or 0))
            name = _input_of(message) or own
            if place[0] in SETTLE_READS:
                handed_on[place].append(name)
            if name == own:  # nobody handed it on: it is an input itself
                # A header without a value is kept as one with an empty value.
                pairs: Any = message.headers() or ()
                raw[name] = Kept(
                    message.key(), message.value(), tuple((header, value or b"") for header, value in pairs)
                )
        return Logs(frozenset(raw), {place: tuple(names) for place, names in handed_on.items()}, raw, forgotten)
    finally:
        consumer.close()


def _ends(
    consumer: confluent_kafka.Consumer, topics: Sequence[str], forgotten: Mapping[Place, int]
) -> dict[Place, int]:
    known = consumer.list_topics(timeout=10).topics
    ends = {}
    for topic in topics:
        for partition in known[topic].partitions:
            low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), timeout=10)
            assert low == forgotten.get((topic, partition), 0), (
                f"{topic}/{partition}: the broker forgot the first {low} records"
            )
            ends[topic, partition] = high
    return ends


def _messages(
    consumer: confluent_kafka.Consumer, ends: Mapping[Place, int], forgotten: Mapping[Place, int]
) -> Iterator[tuple[Place, confluent_kafka.Message]]:
    """Every record before the ends, without a hole."""
    read = {place: forgotten.get(place, 0) for place in ends}
    consumer.assign([confluent_kafka.TopicPartition(*place, first) for place, first in read.items()])
    deadline = time.monotonic() + 60
    while any(read[place] < end for place, end in ends.items()):
        assert time.monotonic() < deadline, "the broker's records cannot be read"
        for message in consumer.consume(500, timeout=0.5):
            assert message.error() is None, message.error()
            place = (str(message.topic()), int(message.partition() or 0))
            assert message.offset() == read[place], f"{place} has a hole before offset {message.offset()}"
            read[place] += 1
            yield place, message


def _input_of(message: confluent_kafka.Message) -> InputName | None:
    """The input that validate handed on with this record; None where somebody else wrote it."""
    named: dict[str, Any] = dict(message.headers() or [])
    if headers.INPUT_TOPIC not in named:
        return None
    topic, partition, offset = (
        named[name].decode() for name in (headers.INPUT_TOPIC, headers.INPUT_PARTITION, headers.INPUT_OFFSET)
    )
    return InputName(topic, int(partition), int(offset))


def check_rows_fit_offsets(books: Books, logs: Logs, when: str) -> None:
    """The rows are there if and only if the offsets say so, and no input has two outcomes."""
    names = [name for name, _ in books.outcomes]
    twice = [str(name) for name, times in Counter(names).items() if times > 1]
    assert not twice, f"{when}: {len(twice)} inputs have more than one outcome: {twice[:5]}"
    expected = logs.inputs_before(books.offsets)
    missing, extra = expected - set(names), set(names) - expected
    assert not missing, f"{when}: {len(missing)} inputs before the stored offsets have no outcome: {_some(missing)}"
    assert not extra, f"{when}: {len(extra)} outcomes lie beyond the stored offsets: {_some(extra)}"


def check_equation(books: Books, sent: Sent, logs: Logs) -> None:
    """Every input has exactly one outcome, the right one; every good number has landed exactly once."""
    assert len(logs.inputs) == sent.total, "the publisher's records are not those on the raw topics"
    check_rows_fit_offsets(books, logs, "at the end")
    missing = logs.inputs - {name for name, _ in books.outcomes}
    assert not missing, f"{len(missing)} of {sent.total} inputs have no outcome: {_some(missing)}"
    expected = {"landed": sent.landed, "duplicate": len(sent.duplicates), "rejected": len(sent.bad)}
    assert books.counts == Counter(expected)
    assert sum(books.counts.values()) == sent.total
    _check_same("events", books.events, Counter(sent.good))
    _check_same("decisions", books.decisions, Counter(sent.decisions))
    _check_same("duplicates", books.duplicates, Counter(sent.duplicates))
    _check_same("rejections", books.rejected, Counter(sent.bad))
    ends = {place: len(found) + logs.forgotten.get(place, 0) for place, found in logs.handed_on.items()}
    assert {place: offset for place, offset in books.offsets.items() if offset} == ends, "the stored offsets"


def _check_same(what: str, found: Counter[Any], expected: Counter[Any]) -> None:
    lost, surplus = expected - found, found - expected
    assert not lost, f"{what}: {lost.total()} are missing, such as {list(lost)[:5]}"
    assert not surplus, f"{what}: {surplus.total()} too many, such as {list(surplus)[:5]}"


def _some(names: set[InputName] | frozenset[InputName]) -> list[str]:
    return [str(name) for name in sorted(names)[:5]]


def settled(settings: Settings) -> int:
    """How many outcomes a reader sees now; 0 while there is nothing to read."""
    try:
        with reading(settings) as connection:
            return int(connection.execute("SELECT count(*) FROM outcomes").fetchall()[0][0])
    except Fault:
        return 0


def check_order(books: Books, logs: Logs) -> None:
    """What has one key (one organisation) on one topic landed in the order in which it was published."""
    last: dict[tuple[str, int, bytes | None], InputName] = {}
    for name in books.landed_in_order:
        line = (name.topic, name.partition, logs.raw[name].key)
        before = last.get(line)
        assert before is None or before < name, f"{name} landed after {before}, which was published later"
        last[line] = name


def check_rejections(books: Books, logs: Logs) -> None:
    """Each rejection holds the very record that was published, and can be replayed."""
    for name, kept in books.rejections.items():
        assert kept == logs.raw[name], f"the rejection of {name} is not what was published"
    assert books.replayable == books.rejections.keys()
