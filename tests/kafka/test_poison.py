"""Records that no good client writes, on a real Kafka: each has one outcome, or the broker does not take it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from dualtrack.settings import Settings
from dualtrack.tools import reading
from schemas.faults import Fault
from schemas.headers import REPLAY_OF
from schemas.records import InputName
from tests.dualtrack.kit import json_of
from tests.faults.flow import good_body
from tests.faults.processes import Process, until
from tests.faults.stage import KafkaStage
from tests.faults.watch import Watch
from tests.kafka.raw_batches import GZIP, LZ4, SNAPPY, ZSTD, Raw, batch, batch_of, framed_snappy, produce, record

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

TOPIC = "signals.headline"
LARGE = 40_000_000
BOMB = 300_000_000
MOST_MEMORY = 700 * 1024 * 1024
CONTENT = ((b"content-type", b"application/cloudevents+json"),)


def good(number: int) -> bytes:
    """A good event of TOPIC."""
    return json.dumps(good_body(4 * number + 3)).encode()


def framed(records: list[Raw]) -> bytes:
    payload = framed_snappy(b"".join(record(one, number) for number, one in enumerate(records)))
    return batch_of(payload, len(records), SNAPPY)


def poison() -> Iterator[tuple[str, bytes, list[str]]]:
    """Its name, the batch, and the outcome of each of its records."""
    odd = ((b"b\xff\xfed", b"\xff"), (b"null", None), (b"", b""))
    yield "name of a header that is no UTF-8", batch([Raw(good(1), b"k", odd)]), ["landed"]
    yield "the same, rejected", batch([Raw(b"nonsense", b"k\xff", odd)]), ["rejected"]
    yield "between good ones", batch([Raw(good(2)), Raw(good(3), None, odd), Raw(good(4))], ZSTD), ["landed"] * 3
    yield "fifty thousand headers", batch([Raw(good(5), None, ((b"n", b"v"),) * 50_000)]), ["landed"]
    yield (
        "a header with NUL, and a long name",
        batch([Raw(b"x", None, ((b"a\0b", b"1"), (b"n" * 40_000, b"")))]),
        ["rejected"],
    )
    yield "timestamp -1", batch([Raw(good(6))], timestamp_ms=-1), ["landed"]
    yield "timestamp of 1970", batch([Raw(good(7))], timestamp_ms=0), ["landed"]
    yield "null and empty", batch([Raw(None), Raw(b""), Raw(None, b"key")]), ["rejected"] * 3
    for codec in (GZIP, SNAPPY, LZ4, ZSTD):
        several = [Raw(good(100 * codec + number), b"k", CONTENT) for number in range(20)]
        yield f"codec {codec}", batch(several, codec), ["landed"] * 20
    yield "snappy of Java", framed([Raw(good(600 + number)) for number in range(300)]), ["landed"] * 300
    large, bomb = Raw(bytes(LARGE), b"k", CONTENT), Raw(bytes(BOMB), b"k", CONTENT)
    yield "a record of 40 MB", batch([Raw(good(908)), large, Raw(good(909))], ZSTD), ["landed", "rejected", "landed"]
    # What follows a bomb in its own batch is not looked at.
    yield "one of 300 MB", batch([Raw(good(910)), bomb, Raw(good(911))], ZSTD), ["landed", "rejected", "rejected"]
    yield "the same as gzip", batch([bomb, Raw(good(912))], GZIP), ["rejected", "rejected"]
    yield "a hundred records of 4 MB", batch([Raw(bytes(4_000_000))] * 100, ZSTD), ["rejected"] * 100
    yield "headers of 300 MB", batch([Raw(good(913), None, ((b"n", bytes(BOMB)),))], ZSTD), ["rejected"]
    yield "a good one at the end", batch([Raw(good(999))]), ["landed"]


REFUSED = {
    "a wrong checksum": batch([Raw(b"x")])[:-1] + b"?",
    "an unknown codec": batch_of(record(Raw(b"x"), 0), 1, 6),
    "an unknown format": bytes([*batch([Raw(b"x")])[:16], 9, *batch([Raw(b"x")])[17:]]),
    "fewer records than promised": batch_of(record(Raw(b"x"), 0), 3),
    "a record that ends too early": batch_of(record(Raw(b"x" * 50), 0)[:-20], 1),
    "compressed nonsense": batch_of(b"nonsense" * 10, 1, ZSTD),
}


def transactions(servers: str) -> dict[InputName, str]:
    """One that is committed, one that is taken back, one that is committed: markers stand at the end of the log."""
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "transactional.id": "poison"})
    producer.init_transactions(20)
    found: dict[InputName, str] = {}

    def note(error: object, message: confluent_kafka.Message) -> None:
        assert error is None
        found[InputName(TOPIC, 1, int(message.offset() or 0))] = "landed"

    for turn, commit in enumerate((True, False, True)):
        producer.begin_transaction()
        for number in range(5):
            value = good(2000 + 10 * turn + number)
            producer.produce(TOPIC, value, partition=1, on_delivery=note if commit else None)
        producer.flush(20)
        producer.commit_transaction(20) if commit else producer.abort_transaction(20)
    return found


def outcomes(settings: Settings) -> dict[InputName, str]:
    try:
        with reading(settings) as connection:
            rows = connection.execute('SELECT topic, "partition", "offset", outcome FROM outcomes').fetchall()
    except Fault:
        return {}
    found = {InputName(*place): outcome for *place, outcome in rows}
    assert len(found) == len(rows), "an input has two outcomes"
    return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaStage]:
    with KafkaStage(tmp_path_factory.mktemp("poison"), {"DUALTRACK_STALL_S": "20"}) as running:
        keep_compression(running.servers)
        yield running


def keep_compression(servers: str) -> None:
    """The broker keeps batches as they are sent. (It expands them on topics that ``topics apply`` has declared.)"""
    entry = ConfigEntry("compression.type", "producer", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": servers})
    (future,) = admin.incremental_alter_configs([resource]).values()
    future.result(20)


@pytest.mark.proves("one-outcome", "rejections", "offsets-agree", "memory", under="poison")
def test_each_has_one_outcome_and_none_stops_a_worker(stage: KafkaStage) -> None:
    named = list(poison())
    answers = asyncio.run(produce(stage.servers, TOPIC, 0, (data for _, data, _ in named)))
    expected = transactions(stage.servers)
    for (name, _, wanted), first in zip(named, answers, strict=True):
        assert isinstance(first, int), f"{name}: the broker answered {first}"
        expected |= {InputName(TOPIC, 0, first + number): outcome for number, outcome in enumerate(wanted)}
    refused = asyncio.run(produce(stage.servers, TOPIC, 2, REFUSED.values()))
    assert not [name for name, answer in zip(REFUSED, refused, strict=True) if isinstance(answer, int)], refused
    with Watch(stage.settings.database, stage.started) as watch:
        workers = [stage.worker("validate"), stage.worker("settle")]
        settled(stage.settings, expected, workers)
        check_rejections(stage.settings)
        # Longer than a worker waits where nothing moves: markers at the end of a log are nothing that waits.
        for worker in workers:
            assert not worker_ends(worker, 25), worker.tail()
    for worker in workers:
        assert worker.stop(seconds=45) == 0, worker.tail()
    peaks = {name: f"{peak / 2**20:.0f} MB" for name, peak in watch.peaks.items()}
    assert max(watch.peaks.values()) < MOST_MEMORY, peaks
    check_offsets(stage)


def settled(settings: Settings, expected: dict[InputName, str], workers: list[Process]) -> None:
    until(
        lambda: len(outcomes(settings)) >= len(expected),
        "every input has its outcome",
        150,
        workers,
        lambda: f"missing: {sorted(map(str, expected.keys() - outcomes(settings).keys()))[:10]}",
    )
    found = outcomes(settings)
    assert {name: found.get(name) for name in expected} == expected
    assert found.keys() == expected.keys(), "what was taken back, or refused by the broker, is no input"


def check_rejections(settings: Settings) -> None:
    """The bytes are kept; what is larger than any record may be is cut, and its reason has the true size."""
    with reading(settings) as connection:
        rows = connection.execute(
            'SELECT "key", "value", headers, rule, reason FROM rejections ORDER BY "partition", "offset"'
        ).fetchall()
    key, value, headers, rule, _ = rows[0]
    assert (key, value, rule) == (b"k\xff", b"nonsense", "not_json")
    assert [(header["name"], header["value"]) for header in headers] == [
        (r"b\xff\xfed", b"\xff"),
        ("null", b""),
        ("", b""),
    ]
    large = [reason for *_, rule, reason in rows if rule == "too_large"]
    assert len(large) == 106
    sizes = [int(reason.partition(" ")[0].replace(",", "")) for reason in large]
    assert sum(BOMB < size < BOMB + 1000 for size in sizes) == 3, "two values and headers"
    assert sum(LARGE < size < LARGE + 1000 for size in sizes) == 1


def worker_ends(worker: Process, seconds: float) -> bool:
    try:
        until(lambda: worker.exit_code is not None, "it ends", seconds)
    except AssertionError:
        return False
    return True


def check_offsets(stage: KafkaStage) -> None:
    """The group has committed everything, markers at the end of the log too."""
    settings = {"bootstrap.servers": stage.servers, "group.id": "dualtrack-validate"}
    consumer = confluent_kafka.Consumer(settings)
    try:
        places = [confluent_kafka.TopicPartition(TOPIC, number) for number in (0, 1)]
        for place in consumer.committed(places, timeout=10):
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            assert place.offset == end, f"{place.partition} is committed up to {place.offset} of {end}"
    finally:
        consumer.close()


@pytest.mark.proves("rejections", under="poison")
def test_what_was_rejected_is_replayed_by_a_condition_and_lands_nothing_twice(stage: KafkaStage) -> None:
    """After the test above: the same broker and store."""
    home, where = stage.home, "rule = 'not_json' AND key LIKE '%FF'"
    (item,) = json_of("rejections", "list", "--where", where, home=home)
    before = outcomes(stage.settings)
    assert before
    replay = stage.run("rejections", "replay", "--where", where, "--json")
    assert replay.wait(40) == 0, replay.said
    assert json.loads(replay.said)["republished"] == 1
    again = stage.run("rejections", "replay", "--where", where, "--json")
    assert again.wait(40) == 0, again.said
    assert json.loads(again.said)["waiting"] == [item["input"]]
    workers = [stage.worker("validate"), stage.worker("settle")]
    until(lambda: len(outcomes(stage.settings)) > len(before), "the replay has its outcome", 90, workers)
    for worker in workers:
        assert worker.stop(seconds=45) == 0, worker.tail()
    (name,) = outcomes(stage.settings).keys() - before.keys()
    shown = json_of("rejections", "show", str(name), home=home)
    assert (shown["value"], shown["replay_of"]) == ("nonsense", item["input"])
    assert [header["name"] for header in shown["headers"]][-1] == REPLAY_OF
    (still,) = json_of("rejections", "list", "--where", where, home=home)
    assert (still["input"], still["attempts"]) == (item["input"], 1)


def segment_of(folder: Path, topic: str, partition: int) -> Path:
    (found,) = folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
    return found


@pytest.mark.proves("one-outcome", "offsets-agree", under="poison")
def test_a_damaged_log_stops_the_worker_at_the_very_offset(tmp_path: Path) -> None:
    with KafkaStage(tmp_path) as stage:
        batches = [batch([Raw(good(10 * turn + number)) for number in range(10)]) for turn in range(3)]
        assert asyncio.run(produce(stage.servers, TOPIC, 0, batches)) == [0, 10, 20]
        stage.stop_broker()
        segment = segment_of(tmp_path / "kafka", TOPIC, 0)
        data = bytearray(segment.read_bytes())
        place = data.index(good(15))
        data[place] ^= 0xFF
        segment.write_bytes(data)
        stage.start_broker()
        settle = stage.worker("settle")
        for _ in range(2):
            worker = stage.worker("validate")
            assert worker.wait(60) == 1, worker.tail()
            assert (
                f"UnreadableLog: {TOPIC}/0: the log cannot be read at offset 10: [Error 2] CorruptRecord" in worker.said
            )
        until(lambda: len(outcomes(stage.settings)) == 10, "what stands before it has its outcome", 60, [settle])
        admin = AdminClient({"bootstrap.servers": stage.servers})
        (future,) = admin.delete_records([confluent_kafka.TopicPartition(TOPIC, 0, 20)]).values()
        future.result(20)
        worker = stage.worker("validate")
        assert worker.wait(60) == 1, worker.tail()
        assert "LogGap" in worker.said
        worker = stage.worker("validate", env={"DUALTRACK_ACCEPT_LOG_GAP": "true"})
        until(lambda: len(outcomes(stage.settings)) == 20, "what stands after it has its outcome", 60, [settle, worker])
        for one in (worker, settle):
            assert one.stop(seconds=45) == 0, one.tail()
        assert {name.offset for name in outcomes(stage.settings)} == {*range(10), *range(20, 30)}
