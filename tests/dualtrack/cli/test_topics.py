"""``dualtrack topics`` without a broker; with one see tests/kafka."""

from pathlib import Path

import pytest

from dualtrack import topics
from dualtrack.topics import Applied, Difference, wanted
from schemas.topics import ALL_TOPICS, DECISIONS, PREDICTIONS_CHANGED, RAW_TOPICS, SETTLE_READS, VALIDATED
from tests.dualtrack.kit import dualtrack, json_of


def test_it_refuses_without_a_broker_and_says_what_to_set(tmp_path: Path) -> None:
    said = dualtrack("topics", "apply", home=tmp_path, exit_code=2).stderr
    assert "DUALTRACK_KAFKA=host:port" in said


def test_it_refuses_the_try_out_broker_which_knows_no_administration(home_with_broker: Path) -> None:
    assert "no Kafka is configured" in dualtrack("topics", "apply", home=home_with_broker, exit_code=2).stderr


def test_a_broker_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", "127.0.0.1:1")
    monkeypatch.setattr(topics, "_CONNECT_SECONDS", 1)
    said = dualtrack("topics", "apply", home=tmp_path, exit_code=1).stderr
    assert "no Kafka answers at 127.0.0.1:1" in said
    assert "correct DUALTRACK_KAFKA" in said


def test_what_was_done_and_what_was_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", "127.0.0.1:1")
    changed = Difference("decisions", "retention.ms", "-1", "1000", "set")
    fewer = Difference("signals.deal", "partitions", "4", "2", "--allow-more-partitions")
    answers = [Applied(("signals.deal",), (changed,), ()), Applied((), (), (fewer,)), Applied()]
    monkeypatch.setattr(topics, "apply_topics", lambda *_, **__: answers[0])
    assert dualtrack("topics", "apply", home=tmp_path).stdout == (
        "created signals.deal\ndecisions: retention.ms is -1 now, was 1000\n"
    )
    assert json_of("topics", "apply", home=tmp_path)["created"] == ["signals.deal"]
    del answers[0]
    said = dualtrack("topics", "apply", home=tmp_path, exit_code=1).stdout
    assert "Left as they are" in said
    assert "--allow-more-partitions" in said
    del answers[0]
    assert dualtrack("topics", "apply", home=tmp_path).stdout == "all topics are as declared\n"


def test_a_difference_is_a_table_and_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", "127.0.0.1:1")
    found = [Difference("decisions", "retention.ms", "-1", "1000", "set by `dualtrack topics apply`")]
    monkeypatch.setattr(topics, "diff_topics", lambda *_: tuple(found))
    said = dualtrack("topics", "diff", home=tmp_path, exit_code=1).stdout
    assert "decisions  retention.ms  -1        1000" in said
    assert json_of("topics", "diff", home=tmp_path, exit_code=1)[0]["found"] == "1000"
    found.clear()
    assert dualtrack("topics", "diff", home=tmp_path).stdout == "all topics are as declared\n"


def test_every_topic_keeps_everything_and_outputs_may_be_larger_than_inputs() -> None:
    declared = wanted()
    assert set(declared) == set(ALL_TOPICS)
    assert all(settings["retention.ms"] == "-1" for _, settings in declared.values())
    assert all(settings["cleanup.policy"] == "delete" for _, settings in declared.values())
    assert all(declared[name][1]["message.timestamp.type"] == "LogAppendTime" for name in SETTLE_READS)
    assert declared[DECISIONS][0] == declared[PREDICTIONS_CHANGED][0] == 1
    assert "max.message.bytes" in declared[VALIDATED][1]
    assert all("max.message.bytes" not in declared[name][1] for name in RAW_TOPICS)
