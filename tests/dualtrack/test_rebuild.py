"""A store made anew: what comes from the old one, what is refused, what an interruption leaves; no real Kafka."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import duckdb
import pytest
from pydantic_core import to_json

from dualtrack import rebuild as module
from dualtrack.broker.embedded import EmbeddedBroker
from dualtrack.loading import load_files
from dualtrack.rebuild import RebuildOptions, TargetExists, rebuild
from dualtrack.settings import Settings
from dualtrack.tools import reading, settle_parts, utc_now
from pipeline.delivery import ProducerConfig
from pipeline.flow import ValidateTools, settle_batch, validate_batch
from pipeline.whole_log import WholeLog
from publishers.decisions import forecast_event, resolution_event
from schemas.decisions import Decision, Forecast
from schemas.faults import BrokerUnreachable, LogGap, TopicsMissing
from schemas.records import OutRecord, RawRecord
from schemas.topics import ALL_TOPICS, SETTLE_READS
from sinks.base import NothingToRead, StoreLocked
from sinks.differences import differences
from sinks.duckdb_sink import DuckDBSink
from tests.dualtrack.kit import dualtrack, json_of, line, mixed, write_lines

PRICE = {
    "occurred_on": "2026-04-18",
    "company": "Router Works",
    "valuation": {"value": "1300000000", "currency": "USD"},
    "sector": "inference cost",
}
"""First evidence of prediction p3b."""


DECISIONS = tuple(
    to_json(made)
    for made in (
        forecast_event(
            Forecast.model_validate(
                {"by": "Eve", "prediction": "p3b", "reading": "literal", "forecaster": "Ada", "probability": 0.4}
                | {"made_at": "2026-05-02T10:00:00Z", "imported": True}
            )
        ),
        resolution_event(Decision(by="Eve", why="no plan", prediction="p3a", outcome="missed")),
    )
)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(i_know_it_forgets=True) as running:
        running.create_topics(ALL_TOPICS)
        yield running


@pytest.fixture
def settings(tmp_path: Path, broker: EmbeddedBroker) -> Settings:
    return Settings(home=tmp_path / "home", kafka=broker.bootstrap_servers)


class Story:
    """Inputs validated and written to the log as validate does it, and settled from there as settle does it."""

    def __init__(self, settings: Settings, validate: ValidateTools) -> None:
        self.settings = settings
        self.validate = validate
        self._next = 0

    def publish(self, *values: bytes, topic: str = "signals.deal") -> None:
        now = int(utc_now().timestamp() * 1000)
        records = [
            RawRecord(topic, 0, self._next + number, None, value, (), now) for number, value in enumerate(values)
        ]
        self._next += len(values)
        validated = validate_batch(records, self.validate)
        self.write(*validated.passed, *validated.rejected)

    def write(self, *records: OutRecord) -> None:
        producer = confluent_kafka.Producer(ProducerConfig(str(self.settings.kafka), idempotent=False).librdkafka())
        for record in records:
            producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
        assert producer.flush(20) == 0

    def settle(self, size: int = 3) -> None:
        """Read on where the store stands, in small batches."""
        parts = settle_parts(self.settings, self.settings.receivers())
        parts.open()
        with parts.sink, WholeLog(str(self.settings.kafka), SETTLE_READS) as log:
            stored = parts.sink.stored_offsets()
            for batch in log.batches():
                fresh = [one for one in batch if one.offset >= stored.get((one.topic, one.partition), 0)]
                for start in range(0, len(fresh), size):
                    settle_batch(fresh[start : start + size], parts.tools)

    def load(self, name: str, *lines: bytes) -> None:
        file = write_lines(self.settings.home / f"{name}.jsonl", lines)
        parts = settle_parts(self.settings, self.settings.receivers())
        parts.open()
        with parts.sink:
            load_files([file], self.validate, parts.tools)


@pytest.fixture(scope="module")
def told(broker: EmbeddedBroker, opened_tools: ValidateTools, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A store with something of everything: from the log and from files, twins among them, and an alert."""
    settings = Settings(home=tmp_path_factory.mktemp("told"), kafka=broker.bootstrap_servers)
    told = Story(settings, opened_tools)
    told.publish(*mixed("log"))
    told.settle()
    # One that the log had first, and one that the log brings later.
    told.load("file", *mixed("file"), line(0, id="log-0"), line(1, id="later"), *DECISIONS)
    told.publish(line(1, id="later"), line(2, id="file-1"))
    told.publish(line(3, "funding", id="price", **PRICE), topic="signals.funding")
    told.settle()
    told.publish(line(9, id="after"))  # the store has not read this one
    return told


@pytest.fixture
def story(told: Story, settings: Settings) -> Story:
    """The same with a home of its own; the log is shared, so a test writes nothing to it."""
    shutil.copytree(told.settings.home, settings.home)
    return Story(settings, told.validate)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_rebuilt_store_equals_the_old_one_in_every_table(story: Story) -> None:
    settings = story.settings
    report = rebuild(settings, RebuildOptions(verify=True))
    assert report.compared is not None
    assert [one for one in report.compared if not one.equal] == []
    compared = {one.table: one.rows for one in report.compared}
    filled = (
        "decisions",
        "events",
        "duplicate_events",
        "rejections",
        "outcomes",
        "outbox",
        "prediction_states",
        "offsets",
    )
    assert all(compared[table] for table in filled), compared
    assert report.carried_over == len(mixed("file")) + 2 + len(DECISIONS)
    assert report.backup is None


def test_a_comparison_sees_what_is_not_in_the_log(story: Story) -> None:
    with duckdb.connect(str(story.settings.database)) as connection:
        connection.execute("UPDATE events SET title = 'forged' WHERE id = 'log-3'")
        connection.execute("DELETE FROM prediction_states WHERE prediction = 'p3b' AND reading = 'literal'")
    report = rebuild(story.settings, RebuildOptions(verify=True))
    found = {one.table: one for one in report.compared or () if not one.equal}
    assert (found["events"].only_old, found["events"].only_new) == (1, 1)
    assert {row["title"] for _, row in found["events"].examples} >= {"forged"}
    assert found["prediction_states"].only_new > 0
    assert dualtrack_rebuild(story, "--verify", exit_code=1).count("they differ") == 1


def dualtrack_rebuild(story: Story, *words: str, exit_code: int = 0) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUALTRACK_KAFKA", str(story.settings.kafka))
        return dualtrack("rebuild", *words, home=story.settings.home, exit_code=exit_code).output


def test_what_the_store_had_not_read_is_no_difference_and_lands_in_a_rebuild(story: Story) -> None:
    assert rebuild(story.settings, RebuildOptions(verify=True)).equal
    report = rebuild(story.settings, RebuildOptions())
    assert rows(story.settings.database, "SELECT count(*) FROM events WHERE id = 'after'") == [(1,)]
    assert report.backup is not None
    assert rows(report.backup, "SELECT count(*) FROM events WHERE id = 'after'") == [(0,)]
    with reading(story.settings) as connection:
        assert connection.execute("SELECT count(*) FROM events WHERE id = 'after'").fetchall() == [(1,)]
    assert rows(story.settings.snapshot, "SELECT count(*) FROM events WHERE id = 'after'") == [(1,)]


def test_every_old_store_is_kept(story: Story) -> None:
    names = [rebuild(story.settings, RebuildOptions()).backup for _ in range(2)]
    assert [name.name for name in names if name] == [
        "dualtrack.duckdb.before-rebuild.bak",
        "dualtrack.duckdb.before-rebuild.2.bak",
    ]
    assert names[1] is not None
    assert [one for one in differences(names[1], story.settings.database) if not one.equal] == []


def test_nobody_is_told_again(story: Story) -> None:
    settings = story.settings
    told = "SELECT key, receiver FROM outbox ORDER BY ALL"
    before = rows(settings.database, told)
    assert before
    rebuild(settings, RebuildOptions())
    assert rows(settings.database, told) == before


def test_saved_queries_look_at_what_the_old_store_had_not_read(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{id: deals, when: {event_type: deal}, receivers: [file]}]")
    settings = story.settings.model_copy(update={"alert_rules": file})
    assert rebuild(settings, RebuildOptions(verify=True)).equal
    found = "SELECT payload->>'$.evidence[0].id' FROM outbox WHERE rule = 'deals' ORDER BY 1"
    rebuild(settings, RebuildOptions())
    assert rows(settings.database, found) == [("after",)]
    rebuild(settings, RebuildOptions())
    assert rows(settings.database, found) == [("after",)]

    settings.database.unlink()
    report = rebuild(settings, RebuildOptions())
    deals = "SELECT id FROM events WHERE event_type = 'deal' ORDER BY 1"
    assert rows(settings.database, found) == rows(settings.database, deals)
    assert report.not_sent >= len(rows(settings.database, found)) > 5


def test_without_the_old_store_alerts_are_noted_and_not_sent_unless_wanted(story: Story) -> None:
    settings = story.settings
    # What was resolved came from a file, which the log knows nothing of.
    keys = rows(settings.database, "SELECT key, receiver FROM outbox WHERE prediction <> 'p3a' ORDER BY ALL")
    sent = settings.home / "sent.duckdb"
    settings.database.unlink()
    report = rebuild(settings, RebuildOptions(to=sent, send_alerts=True))
    assert report.not_sent == 0
    assert rows(sent, "SELECT count(*) FROM deliveries") == [(0,)]

    report = rebuild(settings, RebuildOptions())
    assert report.not_sent == len(keys)
    noted = rows(settings.database, "SELECT key, receiver FROM deliveries WHERE delivered AND error = 'rebuilt'")
    assert sorted(noted) == sorted(rows(settings.database, "SELECT key, receiver FROM outbox"))
    assert rows(settings.database, "SELECT key, receiver FROM outbox ORDER BY ALL") == keys
    assert rows(settings.database, "SELECT count(*) FROM events WHERE input_topic LIKE 'file:%'") == [(0,)]


def test_to_another_file_leaves_the_store_alone(story: Story, tmp_path: Path) -> None:
    before = story.settings.database.read_bytes()
    target = tmp_path / "elsewhere" / "copy.duckdb"
    assert rebuild(story.settings, RebuildOptions(to=target)).target == target
    assert story.settings.database.read_bytes() == before
    rebuild(story.settings, RebuildOptions())
    assert [one for one in differences(story.settings.database, target) if not one.equal] == []
    assert [path.name for path in target.parent.iterdir()] == ["copy.duckdb"]
    with pytest.raises(TargetExists, match="name a file that does not"):
        rebuild(story.settings, RebuildOptions(to=target))


def test_a_writer_is_not_disturbed(story: Story) -> None:
    with DuckDBSink(story.settings.database) as writer:
        writer.open()
        with pytest.raises(StoreLocked):
            rebuild(story.settings, RebuildOptions())


def test_no_writer_gets_in_while_it_works(story: Story) -> None:
    refused: list[int] = []

    def try_to_write(done: int, _: int) -> None:
        if done and not refused:
            with pytest.raises(StoreLocked):
                DuckDBSink(story.settings.database).open()
            with pytest.raises(StoreLocked, match="another rebuild"):
                rebuild(story.settings, RebuildOptions())
            refused.append(done)

    rebuild(story.settings, RebuildOptions(), try_to_write)
    assert refused


def test_an_interruption_leaves_everything_as_it_was(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = story.settings
    before, files = settings.database.read_bytes(), sorted(settings.home.iterdir())

    def interrupt(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(settings, RebuildOptions(), interrupt)
    assert settings.database.read_bytes() == before
    assert sorted(settings.home.iterdir()) == files
    real = module.rebuild
    monkeypatch.setattr(module, "rebuild", lambda settings, options, _: real(settings, options, interrupt))
    assert "interrupted: nothing was changed" in dualtrack_rebuild(story, exit_code=130)


def test_what_a_killed_rebuild_left_is_removed(story: Story) -> None:
    left = story.settings.database.with_name(".dualtrack.duckdb.rebuild")
    left.write_bytes(b"half of a store")
    rebuild(story.settings, RebuildOptions())
    assert not left.exists()


def test_a_log_that_ends_before_the_store_is_another_log(story: Story) -> None:
    with duckdb.connect(str(story.settings.database)) as connection:
        connection.execute("INSERT INTO offsets VALUES ('signals.validated', 0, 1000000, now())")
    with pytest.raises(LogGap, match="another log"):
        rebuild(story.settings, RebuildOptions())


def test_no_broker_and_no_topics_are_told(settings: Settings, tmp_path: Path) -> None:
    settings.make_home()
    monkey = Settings(home=settings.home, kafka="127.0.0.1:1")
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1"):
        rebuild(monkey, RebuildOptions())
    with pytest.raises(NothingToRead, match="to compare with"):
        rebuild(settings, RebuildOptions(verify=True))
    with pytest.raises(TopicsMissing), WholeLog(str(settings.kafka), ("no-such-topic",)):
        pass
    assert "set DUALTRACK_KAFKA=host:port" in dualtrack("rebuild", home=tmp_path, exit_code=1).output


def test_json_says_the_same(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", str(story.settings.kafka))
    said = json_of("rebuild", "--verify", home=story.settings.home)
    assert said["equal"] is True
    assert {one["table"] for one in said["tables"]} >= {"events", "outcomes", "prediction_revisions"}
    assert said["missing"] == []
