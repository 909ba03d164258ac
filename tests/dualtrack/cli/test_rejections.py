"""``dualtrack rejections``: why, and once more after a fix, which lands once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from checks.expectations import RULES
from checks.runner import CheckRunner
from dualtrack import tools
from dualtrack.broker.embedded import EmbeddedBroker
from dualtrack.settings import BROKER_FILE, Settings
from dualtrack.tools import writing
from pipeline.flow import ValidateTools, settle_batch, validate_batch
from publishers.sources.bad_inputs import BAD_INPUTS
from schemas.headers import INPUT_OFFSET, INPUT_PARTITION, INPUT_TOPIC, REPLAY_OF
from schemas.records import RawRecord
from schemas.topics import DECISIONS, VALIDATED
from tests.dualtrack.kit import dualtrack, json_of

NEGATIVE = "common.money-negative"


@pytest.fixture(scope="module")
def mended_tools() -> ValidateTools:
    """The checks after a fix: money may be negative."""
    checks = CheckRunner(tuple(rule for rule in RULES if rule.id != NEGATIVE))
    checks.open()
    checks.open = lambda: None  # type: ignore[method-assign]
    return replace(tools.validate_tools(), checks=checks)


def listed(home: Path, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json_of("rejections", "list", *options, home=home)
    return found


def landed(home: Path) -> int:
    return int(json_of("query", "SELECT count(*) AS n FROM events", home=home)[0]["n"])


def test_list_names_input_stage_rule_and_reason(loaded: Path) -> None:
    found = listed(loaded)
    assert [(item["stage"], item["rule"]) for item in found] == [
        ("check", NEGATIVE),
        ("parse", "not_json"),
        ("parse", "not_utf8"),
    ]
    assert found[0]["reason"] == "amount -5 USD is negative"
    assert listed(loaded, "--rule", "not_json") == [found[1]]
    assert listed(loaded, "--stage", "check") == [found[0]]
    assert listed(loaded, "--rule", "never") == []
    assert dualtrack("rejections", "list", "--rule", "never", home=loaded).stdout == "Rejections: none\n"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_fits(loaded: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = dualtrack("rejections", "list", home=loaded).stdout
    assert all(item["input"] in shown and item["rule"] in shown for item in listed(loaded))
    assert max(map(len, shown.splitlines())) <= columns


def test_show_has_the_original_bytes_and_where_they_were(loaded: Path) -> None:
    name = listed(loaded)[1]["input"]
    told = json_of("rejections", "show", name, home=loaded)
    assert told["value"] == "this is not JSON: event"
    assert told["from"].startswith("line 11 of the file whose SHA-256 begins with")
    assert "value_base64" not in told
    shown = dualtrack("rejections", "show", name, home=loaded).stdout
    assert shown.endswith("this is not JSON: event\n")
    assert json_of("rejections", "show", listed(loaded)[2]["input"], home=loaded)["value_base64"] == "//5ldmVudA=="


def test_names_that_are_none_are_refused_with_what_to_do(loaded: Path) -> None:
    assert "names no input" in dualtrack("rejections", "show", "foo", home=loaded, exit_code=2).stderr
    assert "was not rejected; see" in dualtrack("rejections", "show", "foo/0/1", home=loaded, exit_code=1).stderr
    said = dualtrack("rejections", "replay", "foo/0/1", home=loaded, exit_code=1).stderr
    assert "not among the open rejections: foo/0/1" in said
    assert "say which" in dualtrack("rejections", "replay", home=loaded, exit_code=2).stderr


def test_a_dry_run_changes_nothing(own_copy: Path) -> None:
    before = listed(own_copy, "--all")
    told = json_of("rejections", "replay", "--all", "--dry-run", home=own_copy)
    assert told["would_replay"] == [item["input"] for item in before]
    assert told["waiting"] == []
    assert [(row["stage"], row["rule"], row["count"]) for row in told["counts"]] == [
        ("check", NEGATIVE, 1),
        ("parse", "not_json", 1),
        ("parse", "not_utf8", 1),
    ]
    assert [row["examples"] for row in told["counts"]] == [[item["input"]] for item in before]
    assert "3 would be replayed" in dualtrack("rejections", "replay", "--all", "--dry-run", home=own_copy).stdout
    assert listed(own_copy, "--all") == before


def test_after_a_fix_a_replay_lands_once(
    own_copy: Path, mended_tools: ValidateTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    (negative,) = listed(own_copy, "--rule", NEGATIVE)
    count = landed(own_copy)
    monkeypatch.setattr(tools, "validate_tools", lambda: mended_tools)
    told = json_of("rejections", "replay", "--rule", NEGATIVE, home=own_copy)
    assert told == {
        "republished": 0,
        "refused": {},
        "landed": 1,
        "duplicate": 0,
        "rejected": 0,
        "waiting": [],
        "sent_before": 0,
    }
    assert landed(own_copy) == count + 1
    assert listed(own_copy, "--rule", NEGATIVE) == []
    assert listed(own_copy, "--rule", NEGATIVE, "--all") == [{**negative, "attempts": 1, "landed": True}]
    # Twice does not land twice, whether asked for by rule or by name.
    assert json_of("rejections", "replay", "--rule", NEGATIVE, home=own_copy)["landed"] == 0
    said = dualtrack("rejections", "replay", "--rule", NEGATIVE, home=own_copy).stdout
    assert said == "nothing to replay: no such rejection is open\n"
    dualtrack("rejections", "replay", negative["input"], home=own_copy, exit_code=1)
    assert landed(own_copy) == count + 1


def test_a_replay_that_fails_again_stays_listed_once(
    own_copy: Path, mended_tools: ValidateTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listed(own_copy)
    for _ in range(2):
        told = json_of("rejections", "replay", "--all", home=own_copy)
        assert (told["landed"], told["rejected"]) == (0, 3)
    assert listed(own_copy) == [{**item, "attempts": 2} for item in before]
    # The ledger has them all, and the sum still holds.
    outcomes = json_of("query", "SELECT outcome, count(*) AS n FROM outcomes GROUP BY ALL ORDER BY ALL", home=own_copy)
    assert [row["n"] for row in outcomes] == [1, 8, 9]
    monkeypatch.setattr(tools, "validate_tools", lambda: mended_tools)
    assert json_of("rejections", "replay", before[0]["input"], home=own_copy)["landed"] == 1
    assert len(listed(own_copy)) == 2


def test_a_bad_decision_from_a_file_is_replayed_as_a_decision(own_copy: Path) -> None:
    bad = json.dumps({**DECISION, "type": "ai.dualtrack.decision.forecast.v1"}).encode()
    assert json_of("load", "-", home=own_copy, input=bad)["rejected_by_rule"] == {"invalid_decision": 1}
    told = json_of("rejections", "replay", "--rule", "invalid_decision", home=own_copy)
    assert (told["rejected"], told["refused"]) == (1, {})
    (still_open,) = listed(own_copy, "--rule", "invalid_decision")
    assert still_open["attempts"] == 1
    rules = json_of("query", "SELECT DISTINCT stage, rule FROM rejections WHERE replay_of IS NOT NULL", home=own_copy)
    assert rules == [{"stage": "settle", "rule": "invalid_decision"}]


WHERES = [
    ("rule = 'not_json'", ["not_json"]),
    ("stage = 'parse' AND attempts = 0", ["not_json", "not_utf8"]),
    ("value LIKE '%JSON: event'", ["not_json"]),
    (r"starts_with(value, '\xFF\xFE')", ["not_utf8"]),
    ('topic LIKE \'file:%\' AND "partition" = 0 AND "offset" > 10', ["not_utf8"]),
    ("known_at > now() - INTERVAL 1 DAY AND rejected_at <= now() AND key IS NULL", [NEGATIVE, "not_json", "not_utf8"]),
    ("cardinality(headers) = 0 AND reason LIKE '%negative%' -- a comment", [NEGATIVE]),
    ("headers['content-type'] = 'nothing'", []),
    ("reason IN ('''); DROP TABLE events; --', 'amount -5 USD is negative')", [NEGATIVE]),
]


@pytest.mark.parametrize(("where", "rules"), WHERES)
def test_a_condition_chooses(loaded: Path, where: str, rules: list[str]) -> None:
    assert [item["rule"] for item in listed(loaded, "--where", where)] == rules
    told = json_of("rejections", "replay", "--where", where, "--dry-run", home=loaded)
    assert sorted(row["rule"] for row in told["counts"]) == rules


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nonsense = 1", 'Referenced column "nonsense" not found'),
        ("rule =", "syntax error"),
        ("rule", "is a VARCHAR, not true or false"),
        ("value::INTEGER = 1", "Could not convert string"),
        ("true) UNION ALL SELECT 1 WHERE (true", "one expression is needed"),
    ],
)
def test_a_broken_condition_is_told_with_the_columns(loaded: Path, where: str, said: str) -> None:
    for command in (["list"], ["replay", "--dry-run"], ["replay"]):
        result = dualtrack("rejections", *command, "--where", where, home=loaded, exit_code=2)
        assert said in result.stderr
        assert "Columns: topic (text), partition (number)" in result.stderr
        assert "headers (map of text)" in result.stderr


@pytest.fixture
def from_kafka(own_copy: Path) -> Path:
    """A home whose rejections came through Kafka: the bad inputs at their places on the raw topics."""
    records = [
        RawRecord(item.topic, 0, offset, item.key, item.value, item.headers, 0)
        for offset, item in enumerate(BAD_INPUTS)
    ]
    with writing(Settings(home=own_copy)) as flow:
        validated = validate_batch(records, flow.validate)
        outputs = [
            RawRecord(out.topic, 0, 0, out.key, out.value, out.headers, 0)
            for out in (*validated.passed, *validated.rejected)
        ]
        settle_batch(outputs, flow.settle, next_offsets={})
    return own_copy


def test_what_came_through_kafka_goes_back_to_its_topic_byte_for_byte(from_kafka: Path, broker: EmbeddedBroker) -> None:
    (from_kafka / BROKER_FILE).write_text(broker.bootstrap_servers)
    told = json_of("rejections", "replay", "--stage", "parse", home=from_kafka)
    replayable = [item for item in BAD_INPUTS if item.expected_stage == "parse" and item.name != "over-the-size-limit"]
    assert told["republished"] == len(replayable)
    (refused,) = told["refused"].items()
    assert "at most 524,288 are accepted" in refused[1]
    assert told["rejected"] == 2, "those of the file are run here"
    # A second call, before anything is known of the first, sends none of them again, and says so.
    second = json_of("rejections", "replay", "--stage", "parse", home=from_kafka)
    assert (second["republished"], len(second["waiting"])) == (0, len(replayable))
    assert list(second["refused"]) == list(told["refused"]), "what was never sent is tried again"
    said = dualtrack("rejections", "replay", "--stage", "parse", "--dry-run", home=from_kafka).stdout
    assert f"{len(replayable)} left out: sent before" in said
    records = read_all(broker, {item.topic for item in replayable}, len(replayable))
    place = {item.name: f"{item.topic}/0/{offset}" for offset, item in enumerate(BAD_INPUTS)}
    assert {record.headers()[-1][1].decode() for record in records} == {place[item.name] for item in replayable}
    for record in records:
        (item,) = (item for item in replayable if place[item.name] == record.headers()[-1][1].decode())
        assert (record.value() or b"", record.key(), record.topic()) == (item.value or b"", item.key, item.topic)
        assert [name for name, _ in record.headers()] == [*(name for name, _ in item.headers), REPLAY_OF]


def test_without_a_broker_what_came_through_kafka_is_run_here(from_kafka: Path, mended_tools: ValidateTools) -> None:
    told = json_of("rejections", "replay", "--stage", "check", home=from_kafka)
    assert told["republished"] == 0
    assert told["rejected"] == 1 + sum(item.expected_stage == "check" for item in BAD_INPUTS)
    assert json.loads(dualtrack("doctor", "--only", "store", "--json", home=from_kafka).stdout)[0]["ok"]


def read_all(broker: EmbeddedBroker, topics: set[str], count: int) -> list[Any]:
    """Every record of these topics, of which there should be so many."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    try:
        places = [(topic, number) for topic in topics for number in range(broker.partitions)]
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for topic, number in places])
        found = list(consumer.consume(count, timeout=10))
        return found + list(consumer.consume(1, timeout=0.2))
    finally:
        consumer.close()


def decided(value: bytes, offset: int, replay_of: str | None = None) -> RawRecord:
    headers = ((REPLAY_OF, replay_of.encode()),) if replay_of else ()
    return RawRecord(DECISIONS, 0, offset, b"p1a", value, headers, 0)


DECISION = {
    "specversion": "1.0",
    "id": "decided-1",
    "source": "somebody",
    "type": "ai.dualtrack.decision.review.v1",
    "time": "2026-04-17T12:00:00Z",
    "data": {"by": "somebody", "prediction": "p1a"},
}


def test_a_rejected_decision_goes_back_to_its_topic_and_lands_once(own_copy: Path, broker: EmbeddedBroker) -> None:
    unknown = json.dumps({**DECISION, "type": "ai.dualtrack.decision.muse.v1"}).encode()
    with writing(Settings(home=own_copy)) as flow:
        settle_batch([decided(unknown, 5)], flow.settle)
    (item,) = listed(own_copy, "--rule", "unknown_decision")
    refused = json_of("rejections", "replay", item["input"], home=own_copy)["refused"]
    assert refused == {"decisions/0/5": "it goes back to the topic decisions, and no Kafka is configured"}
    (own_copy / BROKER_FILE).write_text(broker.bootstrap_servers)
    assert json_of("rejections", "replay", item["input"], home=own_copy)["republished"] == 1
    (record,) = read_all(broker, {DECISIONS}, 1)
    assert (record.value(), record.key(), record.headers()) == (unknown, b"p1a", [(REPLAY_OF, b"decisions/0/5")])
    # Settle reads it as it was, and a second time after a fix.
    with writing(Settings(home=own_copy)) as flow:
        again = settle_batch([decided(unknown, 6, item["input"])], flow.settle).landed
        assert (again.rejected, again.landed) == (1, 0)
    assert [one["input"] for one in listed(own_copy, "--rule", "unknown_decision")] == [item["input"]]
    with writing(Settings(home=own_copy)) as flow:
        mended = settle_batch([decided(json.dumps(DECISION).encode(), 7, item["input"])], flow.settle).landed
        assert (mended.landed, mended.decisions) == (1, 1)
    assert listed(own_copy, "--rule", "unknown_decision") == []


def test_what_settle_refused_goes_back_to_settle_as_a_new_input(own_copy: Path, broker: EmbeddedBroker) -> None:
    names = ((INPUT_TOPIC, b"signals.deal"), (INPUT_PARTITION, b"0"), (INPUT_OFFSET, b"77"), ("mine", b"kept"))
    with writing(Settings(home=own_copy)) as flow:
        settle_batch([RawRecord(VALIDATED, 0, 3, b"key", b"{}", names, 0)], flow.settle)
    (item,) = listed(own_copy, "--stage", "settle")
    assert item["input"] == "signals.deal/0/77"
    (own_copy / BROKER_FILE).write_text(broker.bootstrap_servers)
    assert json_of("rejections", "replay", item["input"], home=own_copy)["republished"] == 1
    (record,) = read_all(broker, {VALIDATED}, 1)
    assert (record.value(), record.headers()) == (b"{}", [("mine", b"kept"), (REPLAY_OF, b"signals.deal/0/77")])
    with writing(Settings(home=own_copy)) as flow:
        settle_batch([RawRecord(VALIDATED, 1, 0, b"key", b"{}", tuple(record.headers()), 0)], flow.settle)
    assert [(one["input"], one["attempts"]) for one in listed(own_copy, "--stage", "settle")] == [(item["input"], 1)]


def test_the_view_and_the_command_agree_about_what_is_open(own_copy: Path) -> None:
    for _ in range(2):
        json_of("rejections", "replay", "--all", home=own_copy)
        view = json_of("query", "SELECT input FROM rejections_open ORDER BY known_at, input", home=own_copy)
        assert sorted(row["input"] for row in view) == sorted(item["input"] for item in listed(own_copy))
