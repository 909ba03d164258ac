"""What the fault tests share: real processes on an embedded broker, a steady flow of numbered events, and the books."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import confluent_kafka

from dualtrack.settings import BROKER_FILE, Settings
from dualtrack.tools import reading
from publishers.sdk import Publisher
from schemas import headers
from schemas.envelope import event_type_name
from schemas.records import InputName
from schemas.topics import ALL_TOPICS, RAW_TOPICS, SETTLE_READS

ROOT: Final = Path(__file__).parents[2]
DUALTRACK: Final = Path(sys.executable).with_name("dualtrack")
SOURCE: Final = "tests/faults"
SESSION_SECONDS: Final = 4.0
"""The embedded broker takes 3 s to form a group; a shorter session is over before that."""
READY: Final = "All workers are ready"
TAIL_LINES: Final = 40

Place = tuple[str, int]
"""Topic and partition."""


class Process:
    """A process of ours, its log in a file."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        self.pid = self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._popen.kill()
        self._popen.wait()

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Ask it to end; its exit code. Fails when it has not ended in time."""
        self.send(number)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended after {seconds:.0f} s\n{self.tail()}") from None

    def await_said(self, text: str, seconds: float = 60.0) -> None:
        """Wait until its log holds the text; fails when the process ends before."""
        until(lambda: text in self.said, f"{self.name} says {text!r}", seconds, [self])

    def await_ready(self, seconds: float = 60.0) -> None:
        self.await_said(READY, seconds)

    def tail(self) -> str:
        state = "runs" if self.exit_code is None else f"ended with {self.exit_code}"
        lines = self.said.splitlines()[-TAIL_LINES:]
        return "\n".join([f"--- the log of {self.name} ({state}) ends with:", *lines])


def until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = 90.0,
    processes: Sequence[Process] = (),
    also: Callable[[], str] = lambda: "",
) -> None:
    """Wait until it is true. Fails, with the logs' ends, at the deadline or when one of the processes ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        logs = "\n".join(process.tail() for process in processes) if time.monotonic() > deadline else ""
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}. {also()}\n{logs}"
        for process in processes:
            if process.exit_code is not None and not condition():
                raise AssertionError(f"{process.name} ended before: {what}\n{process.tail()}")
        time.sleep(0.02)


class Stage:
    """A home, an embedded broker in a process of its own, and the processes of a test; all are killed at the end."""

    def __init__(self, folder: Path, *, with_broker: bool = True) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.settings = Settings(home=self.home, session_timeout_s=SESSION_SECONDS)
        self._folder = folder
        self._with_broker = with_broker
        self._started: list[Process] = []
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
        self._env |= {"DUALTRACK_SESSION_TIMEOUT_S": str(SESSION_SECONDS), "PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Self:
        if self._with_broker:
            try:
                self._start_broker()
            except BaseException:
                self._kill_all()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._kill_all()

    @property
    def servers(self) -> str:
        return (self.home / BROKER_FILE).read_text()

    def run(self, *arguments: str | Path) -> Process:
        """``dualtrack --home <home> <arguments>`` as a process."""
        return self._start("-".join(map(str, arguments)), [DUALTRACK, "--home", self.home, *arguments])

    def worker(self, role: str) -> Process:
        return self.run("worker", role)

    def tails(self) -> str:
        return "\n".join(process.tail() for process in self._started[-4:])

    def _start(self, name: str, command: Sequence[str | Path]) -> Process:
        name = f"{len(self._started):02d}-{name.replace('/', '_')}"
        process = Process(name, command, self._folder / f"{name}.log", self._env)
        self._started.append(process)
        return process

    def _start_broker(self) -> None:
        topics = [word for topic in ALL_TOPICS for word in ("--topic", topic)]
        command = [sys.executable, "-m", "dualtrack.broker.embedded", "--i-know-it-forgets"]
        broker = self._start("broker", [*command, "--port-file", self.home / BROKER_FILE, *topics])
        until((self.home / BROKER_FILE).exists, "the broker listens", 20, [broker])

    def _kill_all(self) -> None:
        for process in reversed(self._started):
            if process.exit_code is None:
                process.kill()


@dataclass
class Sent:
    """What was published, by what must become of it."""

    good: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.good) + len(self.duplicates) + len(self.bad)


class Flow:
    """Publishes numbered events at a steady pace: of ten, seven are good, two are duplicates, one is bad.

    A thread of its own, from entering the block to ``end`` or to the block's end. ``patience`` is how many seconds it
    waits for a broker that is gone.
    """

    def __init__(self, servers: str, per_second: float, seed: int = 1, patience: float = 30.0) -> None:
        self.sent = Sent()
        self._servers = servers
        self._pause = 1 / per_second
        self._patience = patience
        self._random = random.Random(seed)
        self._bodies: list[dict[str, Any]] = []
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(30)

    def end(self) -> Sent:
        """Publish no more; what was published and confirmed by the broker."""
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the publisher hangs"
        if self._error is not None:
            raise self._error
        return self.sent

    def _run(self) -> None:
        try:
            with Publisher(self._servers, SOURCE, embedded=True, timeout_s=self._patience) as publisher:
                for number in count():
                    self._publish(publisher, number)
                    if self._over.wait(self._pause):
                        return
        # Raised again by ``end``, in the test's own thread.
        except BaseException as error:
            self._error = error

    def _publish(self, publisher: Publisher, number: int) -> None:
        if number % 10 == 9:
            value = bad_value(number)
            publisher.send_raw("signals.deal", value)
            self.sent.bad.append(value)
        elif number % 10 in (4, 7):
            body = self._random.choice(self._bodies)
            if self._random.random() < 0.5:  # the same identity with other content
                body = {**body, "data": {**body["data"], "summary": f"again, as number {number}"}}
            publisher.send_structured(body)
            self.sent.duplicates.append(str(body["id"]))
        else:
            body = good_body(number)
            publisher.send_structured(body)
            self._bodies.append(body)
            self.sent.good.append(str(body["id"]))


def good_body(number: int) -> dict[str, Any]:
    """The CloudEvent with this number; its type and organisation, so its topic and partition, follow from it."""
    who = f"Company {number % 37}"
    of_type: tuple[tuple[str, dict[str, Any]], ...] = (
        ("funding", {"company": who, "amount": {"value": "2000000", "currency": "USD"}}),
        ("metric", {"subject": who, "metric": "revenue", "value": 30_000_000, "unit": "USD"}),
        ("incident", {"system": f"A chatbot of {who}", "severity": "minor"}),
        ("headline", {"published_on": "2026-04-16"}),
    )
    event_type, fields = of_type[number % len(of_type)]
    data = {"title": f"Number {number} about {who}", "occurred_on": "2026-04-16", "urls": ["https://example.org/1"]}
    return {
        "specversion": "1.0",
        "id": f"number-{number}",
        "source": SOURCE,
        "type": event_type_name(event_type, 1),
        "time": datetime(2026, 4, 17, 9, 30, tzinfo=UTC).isoformat(),
        "data": {**data, **fields},
    }


def bad_value(number: int) -> bytes:
    """Bytes that validate must reject, each time for another reason."""
    body = good_body(number)
    without_title = {**body, "data": {name: value for name, value in body["data"].items() if name != "title"}}
    return (
        b"no JSON, number %d" % number,
        json.dumps({**body, "type": "ai.dualtrack.gossip.v1"}).encode(),
        json.dumps(without_title).encode(),
    )[number // 10 % 3]


@dataclass(frozen=True)
class Books:
    """What a store says became of the inputs."""

    outcomes: tuple[tuple[InputName, str], ...]
    events: Counter[str]
    duplicates: Counter[str]
    rejected: Counter[bytes]
    offsets: Mapping[Place, int]

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
            {
                (topic, partition): offset
                for topic, partition, offset in rows(
                    'SELECT topic, "partition", max(next_offset) FROM offsets GROUP BY ALL'
                )
            },
        )


@dataclass(frozen=True)
class Logs:
    """What stands on the broker."""

    inputs: frozenset[InputName]
    """Every record of the raw topics."""

    handed_on: Mapping[Place, tuple[InputName, ...]]
    """What settle reads: by partition, the input of each record, in order from offset 0."""

    @property
    def redelivered(self) -> int:
        """How many records validate wrote a second time."""
        names = [name for found in self.handed_on.values() for name in found]
        return len(names) - len(set(names))

    def inputs_before(self, offsets: Mapping[Place, int]) -> set[InputName]:
        """The inputs whose outcome a reader that stands at these offsets must have."""
        return {name for place, found in self.handed_on.items() for name in found[: offsets.get(place, 0)]}


def read_logs(servers: str) -> Logs:
    """Everything on the broker; fails where the embedded broker has forgotten some of it."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "faults-reader"})
    try:
        ends = _ends(consumer, [*RAW_TOPICS, *SETTLE_READS])
        inputs = {
            InputName(topic, partition, offset)
            for (topic, partition), end in ends.items()
            if topic in RAW_TOPICS
            for offset in range(end)
        }
        read = {place: end for place, end in ends.items() if place[0] in SETTLE_READS and end}
        return Logs(frozenset(inputs), _inputs_on(consumer, read))
    finally:
        consumer.close()


def _ends(consumer: confluent_kafka.Consumer, topics: Sequence[str]) -> dict[Place, int]:
    known = consumer.list_topics(timeout=10).topics
    ends = {}
    for topic in topics:
        for partition in known[topic].partitions:
            low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), timeout=10)
            assert low == 0, f"{topic}/{partition}: the embedded broker forgot the first {low} records: send fewer"
            ends[topic, partition] = high
    return ends


def _inputs_on(consumer: confluent_kafka.Consumer, ends: Mapping[Place, int]) -> dict[Place, tuple[InputName, ...]]:
    consumer.assign([confluent_kafka.TopicPartition(*place, 0) for place in ends])
    found: dict[Place, list[InputName]] = {place: [] for place in ends}
    deadline = time.monotonic() + 30
    while any(len(found[place]) < end for place, end in ends.items()):
        assert time.monotonic() < deadline, "the broker's records cannot be read"
        for message in consumer.consume(500, timeout=0.5):
            assert message.error() is None, message.error()
            place = (str(message.topic()), int(message.partition() or 0))
            assert message.offset() == len(found[place]), f"{place} has a hole before offset {message.offset()}"
            named: dict[str, Any] = dict(message.headers() or [])
            topic, partition, offset = (
                named[name].decode() for name in (headers.INPUT_TOPIC, headers.INPUT_PARTITION, headers.INPUT_OFFSET)
            )
            found[place].append(InputName(topic, int(partition), int(offset)))
    return {place: tuple(names) for place, names in found.items()}


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
    expected = {"landed": len(sent.good), "duplicate": len(sent.duplicates), "rejected": len(sent.bad)}
    assert books.counts == Counter(expected)
    assert sum(books.counts.values()) == sent.total
    _check_same("events", books.events, Counter(sent.good))
    _check_same("duplicates", books.duplicates, Counter(sent.duplicates))
    _check_same("rejections", books.rejected, Counter(sent.bad))
    ends = {place: len(found) for place, found in logs.handed_on.items()}
    assert {place: offset for place, offset in books.offsets.items() if offset} == ends, "the stored offsets"


def _check_same(what: str, found: Counter[Any], expected: Counter[Any]) -> None:
    lost, surplus = expected - found, found - expected
    assert not lost, f"{what}: {lost.total()} are missing, such as {list(lost)[:5]}"
    assert not surplus, f"{what}: {surplus.total()} too many, such as {list(surplus)[:5]}"


def _some(names: set[InputName] | frozenset[InputName]) -> list[str]:
    return [str(name) for name in sorted(names)[:5]]


def settled(settings: Settings) -> int:
    """How many outcomes a reader sees now; 0 while there is nothing to read."""
    from schemas.faults import Fault

    try:
        with reading(settings) as connection:
            return int(connection.execute("SELECT count(*) FROM outcomes").fetchall()[0][0])
    except Fault:
        return 0
