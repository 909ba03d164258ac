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
from schemas.headers import REPLAY_OF
from schemas.records import RawRecord
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
    assert told == {"would_replay": [item["input"] for item in before]}
    assert "3 would be replayed" in dualtrack("rejections", "replay", "--all", "--dry-run", home=own_copy).stdout
    assert listed(own_copy, "--all") == before


def test_after_a_fix_a_replay_lands_once(
    own_copy: Path, mended_tools: ValidateTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    (negative,) = listed(own_copy, "--rule", NEGATIVE)
    count = landed(own_copy)
    monkeypatch.setattr(tools, "validate_tools", lambda: mended_tools)
    told = json_of("rejections", "replay", "--rule", NEGATIVE, home=own_copy)
    assert told == {"republished": 0, "refused": {}, "landed": 1, "duplicate": 0, "rejected": 0}
    assert landed(own_copy) == count + 1
    assert listed(own_copy, "--rule", NEGATIVE) == []
    assert listed(own_copy, "--rule", NEGATIVE, "--all") == [{**negative, "attempts": 1, "landed": True}]
    # Twice does not land twice, whether asked for by rule or by name.
    assert json_of("rejections", "replay", "--rule", NEGATIVE, home=own_copy)["landed"] == 0
    said = dualtrack("rejections", "replay", "--rule", NEGATIVE, home=own_copy).stdout
    assert said == "nothing to replay: no rejection is open\n"
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
