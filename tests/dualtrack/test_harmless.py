"""What strangers write reaches a terminal and a log as text, never as a command."""

import json
import logging
from pathlib import Path

import pytest

from dualtrack.harmless import harmless, harmless_json, harmless_line
from dualtrack.log import log_to_stderr
from tests.dualtrack.kit import dualtrack, json_of, line, write_lines

ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31m\rforged\x7f\u202egnp"


def controls(text: str) -> set[str]:
    return {sign for sign in text if not sign.isprintable()} - {"\n"}


def test_each_control_character_becomes_one_sign() -> None:
    assert harmless("a\tb\nc é 日本") == "a\tb\nc é 日本"
    assert harmless("\x1b[2J\r\x00\x7f\x9b\u202e") == "␛[2J␍␀␡��"
    assert len(harmless(ATTACK)) == len(ATTACK)
    assert controls(harmless(ATTACK)) == set()


def test_a_line_end_does_not_make_a_line_of_a_log() -> None:
    assert harmless_line("a\n2026-01-01 INFO all is well") == "a\n    2026-01-01 INFO all is well"


def test_json_says_the_same() -> None:
    text = json.dumps({"a": ATTACK}, ensure_ascii=False)
    assert controls(harmless_json(text)) == set()
    assert json.loads(harmless_json(text)) == {"a": ATTACK}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an event and a rejection whose every text is an attack."""
    home = tmp_path_factory.mktemp("attacked")
    landed = line(0, id=f"id{ATTACK}", title=f"title{ATTACK}")
    rejected = line(1, id=f"bad{ATTACK}") + b"\x1b[31m raw \xc2\x9b"
    unknown = line(2).replace(b"ai.dualtrack.deal.v1", rb"ai.dualtrack.\u001b[31mdeal.v1")
    file = write_lines(home / "attack.jsonl", [landed, rejected, unknown])
    assert json_of("load", str(file), home=home)["landed"] == 1
    return home


def test_no_command_that_shows_events_lets_a_control_character_through(attacked: Path) -> None:
    inputs = [item["input"] for item in json_of("rejections", "list", home=attacked)]
    assert len(inputs) == 2
    commands = [
        ("rejections", "list"),
        *(("rejections", "show", name) for name in inputs),
        ("rejections", "replay", "--all", "--dry-run"),
        ("query", "SELECT id, title FROM events"),
        ("query", f"SELECT '{ATTACK}' AS a"),
        ("query", f"SELECT {ATTACK}"),
        ("predictions", "list"),
    ]
    for command in commands:
        code = 1 if command[-1] == f"SELECT {ATTACK}" else 0
        said = dualtrack(*command, home=attacked, exit_code=code)
        assert controls(said.output) == set(), command
        if code == 0:
            assert controls(dualtrack(*command, "--json", home=attacked).output) == set(), command


def test_what_was_attacked_with_is_kept_as_it_is(attacked: Path) -> None:
    assert json_of("query", "SELECT title FROM events", home=attacked) == [{"title": f"title{ATTACK}"}]


def test_a_refused_line_is_told_harmlessly(home_with_broker: Path) -> None:
    bad = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": f"t{ATTACK}", "data": {}}).encode()
    said = dualtrack("publish", "-", home=home_with_broker, input=bad, exit_code=1)
    assert "is not known" in said.output
    assert controls(said.output) == set()


def test_the_log_is_harmless(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    log_to_stderr(logging.INFO)
    try:
        raise ValueError(ATTACK)
    except ValueError:
        logging.getLogger("dualtrack.x").exception("seen %s\n2026-01-01 INFO forged", ATTACK)
    said = capsys.readouterr().err
    assert controls(said) == set()
    assert [text for text in said.splitlines() if not text.startswith("    ")] == said.splitlines()[:1]
