"""The log of workers: JSON for programs, with the event's identity, and secrets in neither form."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualtrack.log import STARS, Redacting, secrets_of
from dualtrack.settings import Settings

ROOT = Path(__file__).parents[2]
WEBHOOK = "https://hooks.example.org/services/T0/B0/verysecret?token=alsosecret"


def test_secrets_are_gathered_from_settings_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = tmp_path / "password"
    password.write_text("sesame-open\n")
    monkeypatch.setenv("DUALTRACK_WEBHOOK_URL", WEBHOOK)
    monkeypatch.setenv("DUALTRACK_KAFKA", "kafka:9092")
    monkeypatch.setenv("DUALTRACK_KAFKA_SECURITY", "sasl_ssl")
    monkeypatch.setenv("DUALTRACK_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("DUALTRACK_KAFKA_USERNAME", "worker")
    monkeypatch.setenv("DUALTRACK_KAFKA_PASSWORD_FILE", str(password))
    found = secrets_of(Settings())
    assert set(found) == {WEBHOOK, "services/T0/B0/verysecret?token=alsosecret", "sesame-open"}
    assert list(found) == sorted(found, key=len, reverse=True)


def test_stars_stand_in_the_place_of_secrets_in_tracebacks_too() -> None:
    formatter = Redacting(logging.Formatter("%(message)s"), ["verysecret"])
    try:
        raise ValueError("cannot reach https://x/verysecret")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "of %s", ("verysecret",), sys.exc_info())
    text = formatter.format(record)
    assert "verysecret" not in text
    assert f"of {STARS}" in text
    assert f"cannot reach https://x/{STARS}" in text


SCRIPT = """
import logging
from dualtrack.log import log_of_worker
from dualtrack.settings import Settings
from pipeline.rejection_log import RejectionLog
from tests.pipeline.test_rejection_log import rejected

log_of_worker(Settings(), "validate")
RejectionLog().tell([rejected('{"source": "desk", "id": "ä7"}'.encode(), "about verysecret")])
logging.getLogger("faust").info("chatter of a library")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("pipeline").exception("went wrong")
"""


def lines(log: str) -> list[str]:
    env = {**os.environ, "DUALTRACK_LOG": log, "DUALTRACK_WEBHOOK_URL": "https://x.example/verysecret"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_a_json_line_names_time_role_input_and_event() -> None:
    first, second = (json.loads(line) for line in lines("json"))
    assert first["time"].endswith("+00:00")
    assert (first["level"], first["logger"], first["role"]) == ("INFO", "pipeline.rejection_log", "validate")
    assert (first["topic"], first["partition"], first["offset"]) == ("signals.deal", 3, 17)
    assert (first["source"], first["id"], first["rule"]) == ("desk", "ä7", "not_json")
    assert first["reason"] == f"about {STARS}"
    assert second["message"] == "went wrong"
    assert "ZeroDivisionError" in second["exc_info"]


def test_text_is_for_people() -> None:
    first, *rest = lines("text")
    assert first.endswith(f"pipeline.rejection_log: rejected signals.deal/3/17 (parse, not_json): about {STARS}")
    assert rest[-1] == "    ZeroDivisionError: division by zero"
