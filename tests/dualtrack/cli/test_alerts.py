"""``dualtrack alerts``: rules in words, a test that arrives or does not, and the log of what was told."""

import json
import re
from pathlib import Path

import pytest

from tests.dualtrack.kit import dualtrack, json_of, line, write_lines
from tests.sinks.http_kit import listening

DOCS = Path(__file__).parents[3] / "docs" / "alerts.md"

RULES = """
receivers:
  desk: {webhook: {url: "http://127.0.0.1:${PORT}/"}}
rules:
  - {id: all, receivers: [file]}
  - id: big
    when: {event_type: deal, amount_usd_at_least: 1}
    receivers: [desk, file]
    template: {title: "BIG {{ event.title }}"}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    monkeypatch.setenv("DUALTRACK_ALERT_RULES", str(file))
    monkeypatch.setenv("PORT", "9")
    return file


def test_the_rules_are_said_in_words(rules: Path, tmp_path: Path) -> None:
    shown = " ".join(dualtrack("alerts", "rules", home=tmp_path).stdout.split())
    assert "Of every deal of 1 USD or more: that it landed, what no longer holds. To desk and file." in shown
    told = json_of("alerts", "rules", home=tmp_path)
    assert [(rule["id"], rule["receivers"], rule["line"]) for rule in told["rules"]] == [
        ("all", ["file"], f"{rules}:5"),
        ("big", ["desk", "file"], f"{rules}:6"),
    ]


def test_a_broken_rule_is_told_by_its_line(rules: Path, tmp_path: Path) -> None:
    rules.write_text(RULES.replace("amount_usd_at_least: 1", "sql: nosuch = 1"))
    output = dualtrack("alerts", "rules", home=tmp_path, exit_code=1).output
    assert f'{rules}:7: rules.1.when.sql: deal: Binder Error: Referenced column "nosuch" not found' in output


def test_without_a_file_dualtracks_own_rule_holds(tmp_path: Path) -> None:
    shown = " ".join(dualtrack("alerts", "rules", home=tmp_path).stdout.split())
    assert "Of every prediction: first evidence, progress, met, missed, annulled, unresolvable" in shown
    assert "DUALTRACK_ALERT_RULES names another file" in shown


def test_the_example_of_the_documentation_does_what_it_says(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    rules.write_text(example)
    (tmp_path / "desk.key").write_text("a key")
    (tmp_path / "desk.key").chmod(0o600)
    monkeypatch.setenv("SLACK_TOKENS", "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    monkeypatch.setenv("DESK_URL", "https://desk.example.org/alerts")
    monkeypatch.setenv("COLUMNS", "110")
    (shown,) = re.findall(r"\$ dualtrack alerts rules\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert dualtrack("alerts", "rules", home=tmp_path).stdout.startswith(shown)


def test_a_test_arrives_marked_as_one(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as server:
        monkeypatch.setenv("PORT", str(server.port))
        told = json_of("alerts", "test", "--rule", "big", home=tmp_path)
    assert told == [
        {"receiver": "desk", "arrived": True, "error": None},
        {"receiver": "file", "arrived": True, "error": None},
    ]
    sent = json.loads(server.received[0].body)
    assert (sent["kind"], sent["rule"], sent["title"]) == ("test", "big", "Test alert: BIG")
    written = json.loads((tmp_path / "alerts.jsonl").read_text())
    assert written["key"] == sent["key"]


def test_a_test_that_does_not_arrive_is_told_and_fails(rules: Path, tmp_path: Path) -> None:
    shown = dualtrack("alerts", "test", "--receiver", "desk", home=tmp_path, exit_code=1).stdout
    assert "desk: did not arrive: 127.0.0.1: " in shown
    (told,) = json_of("alerts", "test", "--receiver", "desk", home=tmp_path, exit_code=1)
    assert (told["receiver"], told["arrived"]) == ("desk", False)


@pytest.mark.parametrize(
    ("choice", "advice"),
    [
        (("--rule", "nosuch"), "no rule is called 'nosuch'; there are: all, big"),
        (("--receiver", "nosuch"), "no receiver is called 'nosuch'; there are: topic, file, desk"),
        (("--rule", "all", "--receiver", "desk"), "no receiver of the rule all is called 'desk'; there are: file"),
    ],
)
def test_a_name_that_is_none_is_told_with_those_there_are(
    choice: tuple[str, ...], advice: str, rules: Path, tmp_path: Path
) -> None:
    assert advice in dualtrack("alerts", "test", *choice, home=tmp_path, exit_code=1).output


def test_the_topic_is_tested_too(home_with_broker: Path) -> None:
    told = json_of("alerts", "test", "--receiver", "topic", home=home_with_broker)
    assert told == [{"receiver": "topic", "arrived": True, "error": None}]


def test_without_a_broker_the_topic_is_not_reached(tmp_path: Path) -> None:
    shown = dualtrack("alerts", "test", "--receiver", "topic", home=tmp_path, exit_code=1).stdout
    assert "topic: did not arrive: no Kafka is configured" in shown


def test_the_log_tells_what_landed_and_what_did_not_arrive(rules: Path, own_copy: Path) -> None:
    money = {"value": "7000000000", "currency": "USD"}
    file = write_lines(own_copy / "more.jsonl", [line(70, id="big-one", title="Big", amount=money)])
    json_of("load", str(file), home=own_copy)
    rows = json_of("alerts", "log", home=own_copy)
    found = {(row["receiver"], row["outcome"], row["title"], row["rule"]) for row in rows if row["kind"] == "match"}
    assert found == {("desk", "failed", "BIG Big", "big"), ("file", "delivered", "BIG Big", "big")}
    (failed,) = json_of("alerts", "log", "--failed", home=own_copy)
    assert (failed["receiver"], failed["attempts"]) == ("desk", 1)
    assert failed["last_error"].startswith("127.0.0.1: ")
    assert json_of("alerts", "log", "--prediction", "nosuch", home=own_copy) == []
    assert "BIG Big" in dualtrack("alerts", "log", home=own_copy).stdout
