"""``dualtrack status``: green, red and neither, with real workers, without a broker, without a store."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dualtrack.broker.embedded import EmbeddedBroker
from dualtrack.settings import Settings
from tests.dualtrack.kit import dualtrack, json_of

SEED = Path(__file__).parents[3] / "publishers" / "sources" / "seed" / "deals.jsonl"


def parts(home: Path, *arguments: str, exit_code: int = 0) -> dict[str, dict[str, Any]]:
    found = json_of("status", *arguments, home=home, exit_code=exit_code)
    assert found["ok"] == (exit_code == 0)
    return {part["name"]: part for part in found["parts"]}


def until(holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}"
        time.sleep(0.2)


def note(home: Path, **said: Any) -> Path:
    folder = home / "workers"
    folder.mkdir(exist_ok=True)
    file = folder / f"note-{len(list(folder.iterdir()))}.json"
    file.write_text(json.dumps({"role": "settle", "pid": os.getpid(), "host": socket.gethostname()} | said))
    return file


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Serves /ready as a worker that is told what to say; gives the address."""
    servers: list[HTTPServer] = []

    def serve(**station: Any) -> str:
        usual = {"station": "settle", "healthy": True, "ready": True, "phase": "running", "problems": [], "waits": []}
        body = json.dumps({"pid": os.getpid(), "stations": [usual | station]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_loaded_home_without_a_broker_is_neither_green_nor_red_there(loaded: Path) -> None:
    found = parts(loaded)
    assert found["broker"]["ok"] is None
    assert found["store"]["outcomes"] == {"duplicate": 1, "landed": 8, "rejected": 3}
    assert found["rejections"]["open"] == 3
    assert (found["rejections"]["ok"], found["alerts"]["ok"] is False) == (None, False)


def test_an_empty_home_is_not_red(tmp_path: Path) -> None:
    assert parts(tmp_path)["store"]["found"].startswith("nothing at ")


def test_a_broker_that_is_down_is_red_and_the_store_is_told_nevertheless(
    loaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", "127.0.0.1:1")
    found = parts(loaded, exit_code=1)
    assert found["broker"]["found"].startswith("nothing answers at 127.0.0.1:1")
    assert found["store"]["ok"]


def test_records_that_nobody_will_read_are_behind(home_with_broker: Path, broker: EmbeddedBroker) -> None:
    broker.create_topics(("signals.deal",))
    dualtrack("publish", str(SEED), home=home_with_broker)
    found = parts(home_with_broker, exit_code=1)  # the try-out broker lacks most topics
    assert found["validate"]["members"] is None
    assert found["validate"]["behind"] == len(SEED.read_text().splitlines())
    assert "signals.deal" in found["validate"]["found"]
    assert found["settle"]["behind"] == 0


def test_a_file_that_is_no_store_is_red(tmp_path: Path) -> None:
    Settings(home=tmp_path).database.write_bytes(b"not a database")
    assert parts(tmp_path, exit_code=1)["store"]["ok"] is False


def test_an_alert_that_waits_for_long_is_red_with_the_reason(own_copy: Path) -> None:
    with duckdb.connect(str(Settings(home=own_copy).database)) as store:
        store.execute(
            "INSERT INTO outbox BY NAME SELECT 'k' AS key, 'webhook' AS receiver, 'p1a' AS prediction, "
            "'literal' AS reading, 1 AS version, 'progress' AS milestone, 1 AS telling, "
            "'progress' AS kind, '{}' AS payload, now() - INTERVAL 2 HOUR AS created_at"
        )
        store.execute(
            "INSERT INTO deliveries BY NAME SELECT 'k' AS key, 'webhook' AS receiver, false AS delivered, "
            "'answered 500' AS error, now() AS attempted_at"
        )
    found = parts(own_copy, exit_code=1)["alerts"]
    assert "1 alert for webhook since 2 hours (answered 500)" in found["found"]
    assert found["waiting"]["webhook"]["oldest_seconds"] > 7000


@pytest.mark.parametrize(
    ("station", "status", "health", "ready"),
    [
        ({}, 0, 0, 0),
        ({"ready": False, "phase": "standing by", "waits": ["standing by: process 7"]}, 0, 0, 1),
        ({"ready": False, "waits": ["records wait"]}, 1, 0, 1),
        ({"ready": False, "healthy": False, "problems": ["hangs in station.process"]}, 1, 1, 1),
    ],
)
def test_workers_are_asked(
    tmp_path: Path, answering: Callable[..., str], station: dict[str, Any], status: int, health: int, ready: int
) -> None:
    note(tmp_path, http=answering(**station))
    dualtrack("status", home=tmp_path, exit_code=status)
    dualtrack("status", "--worker", home=tmp_path, exit_code=health)
    said = dualtrack("status", "--worker", "--ready", home=tmp_path, exit_code=ready).stdout
    assert all(text in said for text in (*station.get("problems", ()), *station.get("waits", ())))


def test_a_worker_that_lives_and_does_not_answer_is_red_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    note(tmp_path, http="127.0.0.1:1", pid=gone.pid)
    note(tmp_path, http="127.0.0.1:1", host="another-machine")
    (tmp_path / "workers" / "half.json").write_text('{"role": "set')
    assert "on another-machine, which is not this machine" in dualtrack("status", home=tmp_path).stdout
    assert "none runs with the home" in dualtrack("status", "--worker", home=tmp_path, exit_code=1).stdout
    note(tmp_path, http="127.0.0.1:1")
    assert "does not answer at http://127.0.0.1:1" in dualtrack("status", home=tmp_path, exit_code=1).stdout


def test_a_number_that_was_given_to_another_process_is_not_the_worker(tmp_path: Path) -> None:
    file = note(tmp_path, http="127.0.0.1:1")
    os.utime(file, (1_000_000_000, 1_000_000_000))  # written long before this process began
    assert f"settle {os.getpid()}" not in dualtrack("status", home=tmp_path).stdout


def test_ready_needs_worker(tmp_path: Path) -> None:
    assert "--ready belongs to --worker" in dualtrack("status", "--ready", home=tmp_path, exit_code=2).stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal(loaded: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("DUALTRACK_KAFKA", "127.0.0.1:1")
    shown = dualtrack("status", home=loaded, exit_code=1).stdout.splitlines()
    assert all(len(line) <= columns for line in shown)
    assert shown[0].startswith("RED  broker")


@pytest.mark.slow
def test_running_workers_are_green_and_one_that_was_killed_is_gone(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
    command = [sys.executable, "-m", "dualtrack", "--home", str(tmp_path), "up", "--embedded"]
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(command, env=env | {"DUALTRACK_HTTP": "127.0.0.1:0"}, stdout=log, stderr=log)
    try:
        until((tmp_path / "broker.address").exists, "the broker is there")
        dualtrack("publish", str(SEED), home=tmp_path)
        until((tmp_path / "dualtrack.snapshot.duckdb").exists, "there is a snapshot")
        landed = len(SEED.read_text().splitlines())
        until(lambda: parts(tmp_path)["store"]["outcomes"].get("landed") == landed, "it is in the snapshot")
        found = parts(tmp_path)
        assert {found[f"{station} {up.pid}"]["worker"]["phase"] for station in ("validate", "settle")} == {"running"}
        until(lambda: parts(tmp_path)["settle"]["behind"] == 0, "all is committed")
        dualtrack("status", "--worker", "--ready", home=tmp_path)
    finally:
        up.send_signal(signal.SIGKILL)
        up.wait()
    found = parts(tmp_path, exit_code=1)
    assert set(found) == {"broker", "store", "rejections", "alerts"}, "its note is not believed"
    assert found["broker"]["ok"] is False
