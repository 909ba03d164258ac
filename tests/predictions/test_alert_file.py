"""The file of rules: what is wrong is said by line, and what dualtrack brings along tells every milestone."""

from pathlib import Path

import duckdb
import pytest

from predictions.alert_file import BrokenRules, check_rules, load_rules, parse_rules
from predictions.alert_rules import MILESTONES, OF_PREDICTIONS
from predictions.definition import DEFAULT_MILESTONES
from sinks.views import arrived_facts
from tests.predictions.world import UNICORNS, define, make_world

HEAD = "receivers:\n  chat: {file: {path: a.jsonl}}\nrules:\n"


@pytest.fixture(scope="module")
def store() -> duckdb.DuckDBPyConnection:
    return make_world().connection


def test_the_shipped_rule_tells_every_milestone_to_all_that_are_set_up() -> None:
    (rule,) = load_rules().rules
    assert (rule.told, rule.receivers, rule.at_most_per_hour) == (MILESTONES, None, None)
    assert rule.is_about(define(UNICORNS))
    states = {milestone.state for milestone in DEFAULT_MILESTONES} - {None}
    assert states <= {*MILESTONES} <= {*OF_PREDICTIONS}


BAD_SHAPES = {
    "rules:\n  - {id: a, kindes: [met]}": "r.yaml:2: rules.0.kindes: unknown key 'kindes'; did you mean 'kinds'?",
    "rules:\n  - id: a\n    kinds:\n      - met\n      - mett": "r.yaml:5: rules.0.kinds.1: Input should be",
    "rules:\n  - kinds: [met]": "r.yaml:2: rules.0: `id` is missing",
    "rules: []": "r.yaml:1: rules: Tuple should have at least 1 item",
    "- a": "r.yaml:1: alert rules are a mapping",
    "rules:\n  - id: a\n   b: c": "r.yaml:3: this is no YAML",
    f"{HEAD}  - id: a\n    receivers:\n      - chatt": "r.yaml:6: rules.0.receivers.0: no receiver is called 'chatt'",
    f"{HEAD}  - id: a\n  - id: a": "r.yaml:5: rules.1.id: two rules have the id 'a'",
    "receivers:\n  file: {file: {path: a}}\nrules: [{id: a}]": "r.yaml:2: receivers.file: 'file' is there already",
    "rules:\n  - id: a\n    kinds: [match]": "r.yaml:3: rules.0.kinds.0: 'match' is no kind of a rule",
    "rules:\n  - id: a\n    tags: [x]\n    when: {event_type: deal}": "r.yaml:2: rules.0: a rule is about predictions",
    "rules:\n  - id: a\n    when: {event_type: deel}": "r.yaml:3: rules.0.when.event_type: no event type is called",
    "rules:\n  - id: a\n    when: {event_type: deal}\n    kinds: [met]": "r.yaml:4: rules.0.kinds.0: 'met' is no kind",
    "rules:\n  - id: a\n    at_most_per_hour: 0": "r.yaml:3: rules.0.at_most_per_hour: Input should be greater",
    "rules:\n  - id: a\n    deadline_in_days: [30, 0]": "r.yaml:3: rules.0.deadline_in_days.1: write a number of days",
}


@pytest.mark.parametrize("text", BAD_SHAPES)
def test_a_file_of_the_wrong_shape_is_refused_by_line(text: str) -> None:
    with pytest.raises(BrokenRules) as told:
        parse_rules(text, "r.yaml")
    assert str(told.value).startswith(BAD_SHAPES[text])


SECRET = "hunter2hunter2"
EXPOSED = {
    f"apprise: {{url: 'slack://{SECRET}'}}": "receivers.chat.apprise.url: holds a secret, perhaps",
    f"webhook: {{url: 'https://a/{SECRET}'}}": "receivers.chat.webhook.url: holds a secret, perhaps",
    f"webhook: {{url_file: u, secret: {SECRET}}}": "receivers.chat.webhook.secret: holds a secret, perhaps",
    "webhook: {secret_file: s}": "receivers.chat.webhook: needs exactly one of: url, url_file",
    "apprise: {url_file: a}\n    file: {path: b}": "receivers.chat: needs exactly one of: apprise, webhook, file",
}


@pytest.mark.parametrize("entry", EXPOSED)
def test_a_secret_in_the_file_is_refused_and_not_told(entry: str) -> None:
    with pytest.raises(BrokenRules) as told:
        parse_rules(f"receivers:\n  chat:\n    {entry}\nrules: [{{id: a}}]", "r.yaml")
    assert EXPOSED[entry] in str(told.value)
    assert str(told.value).startswith(("r.yaml:2:", "r.yaml:3:"))
    assert SECRET not in str(told.value)


MISFITS = {
    "predictions: [tset]": "no prediction is called 'tset'; did you mean 'test'?",
    "tags: [chips]": "no tag of a prediction is called 'chips'; there are: none",
    "receivers: [webhook]": "'webhook' is not set up: set DUALTRACK_WEBHOOK_URL",
    "template: {title: '{{ nosuch }}'}": "the template fails: 'nosuch' is undefined",
    "template: {body: '{% for %}'}": "the template fails: ",
    "when: {event_type: deal, sql: 'amount > 3 AND nosuch = 1'}": 'deal: Binder Error: Referenced column "nosuch"',
    "when: {event_type: deal, sql: 'DROP TABLE events'}": "deal: Parser Error",
    "when: {event_type: deal, sql: 'id IN (SELECT id FROM events)'}": "it can hold no subquery",
    "when: {event_type: deal, sql: 'true)); DELETE FROM events; SELECT ((1'}": "deal: Parser Error",
    "when: {event_type: [deal, funding], sql: \"kind = 'acquisition'\"}": "funding: Binder Error",
}


@pytest.mark.parametrize("line", MISFITS)
def test_a_rule_that_fits_nothing_is_refused_by_line(line: str, store: duckdb.DuckDBPyConnection) -> None:
    rules = parse_rules(f"rules:\n  - id: a\n    {line}", "r.yaml")
    with pytest.raises(BrokenRules) as told:
        check_rules(store, rules, [define(UNICORNS)], arrived_facts, ("topic", "file"))
    assert str(told.value).startswith("r.yaml:3: rules.0.")
    assert MISFITS[line] in str(told.value)
    assert store.execute("SELECT count(*) FROM events").fetchall() == [(0,)]


def test_everything_that_is_wrong_is_told_at_once(store: duckdb.DuckDBPyConnection) -> None:
    rules = parse_rules("rules:\n  - {id: a, predictions: [x]}\n  - {id: b, tags: [y]}", "r.yaml")
    with pytest.raises(BrokenRules) as told:
        check_rules(store, rules, [define(UNICORNS)], arrived_facts, ())
    assert [line.split(": ")[0] for line in str(told.value).splitlines()] == ["r.yaml:2", "r.yaml:3"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BrokenRules, match=r"rules.yaml: cannot be read: (No such file|not UTF-8)"):
        load_rules(path)
