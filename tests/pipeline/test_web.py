"""The three pages, from a server that needs nobody else's thread; a taken port is told or avoided."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.health import Verdict
from pipeline.measuring import Telemetry
from pipeline.web import HttpConfig, PortTaken, WorkerWeb

GREEN = Verdict("validate", "running", (), ())
WAITING = Verdict("settle", "standing by", (), ("standing by: process 7",))
RED = Verdict("settle", "failed", ("stopped by a fault",), ())


def serve(config: HttpConfig, *verdicts: Verdict) -> WorkerWeb:
    web = WorkerWeb(config, Telemetry(), lambda: verdicts)
    web.start()
    return web


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("verdicts", "health", "ready"),
    [((GREEN,), 200, 200), ((GREEN, WAITING), 200, 503), ((GREEN, RED), 503, 503)],
)
def test_health_and_ready(verdicts: tuple[Verdict, ...], health: int, ready: int) -> None:
    web = serve(HttpConfig(role="up"), *verdicts)
    try:
        answers = [httpx.get(f"http://{web.address}/{page}") for page in ("health", "ready")]
    finally:
        web.stop()
    assert [answer.status_code for answer in answers] == [health, ready]
    told = answers[0].json()
    assert (told["role"], told["pid"], told["ok"]) == ("up", os.getpid(), health == 200)
    assert told["stations"] == [one.as_dict() for one in verdicts]


def test_metrics_in_both_of_prometheus_formats_and_nothing_else() -> None:
    web = serve(HttpConfig(), GREEN)
    try:
        plain = httpx.get(f"http://{web.address}/metrics")
        accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
        open_metrics = httpx.get(f"http://{web.address}/metrics", headers=accept)
        head = httpx.head(f"http://{web.address}/health")
        unknown = httpx.get(f"http://{web.address}/../../etc/passwd")
        posted = httpx.post(f"http://{web.address}/metrics")
    finally:
        web.stop()
    assert any(family.name == "dualtrack_build_info" for family in text_string_to_metric_families(plain.text))
    assert open_metrics.text.endswith("# EOF\n")
    assert (head.status_code, head.content) == (200, b"")
    assert (unknown.status_code, posted.status_code) == (404, 501)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    web = serve(HttpConfig(), GREEN)
    web.stop()
    assert web.address.startswith("127.0.0.1:")


def test_a_taken_port_that_was_asked_for_is_an_error_that_says_what_to_do(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{taken} .*choose another address with DUALTRACK_HTTP"):
        WorkerWeb(HttpConfig(port=taken), Telemetry(), tuple)
    with pytest.raises(PortTaken, match="DUALTRACK_HTTP=off"):
        WorkerWeb(HttpConfig("192.0.2.1", 80), Telemetry(), tuple)


def test_a_taken_default_port_gives_way_to_a_free_one(taken: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    web = serve(HttpConfig(port=taken, any_port=True), GREEN)
    try:
        assert httpx.get(f"http://{web.address}/ready").status_code == 200
    finally:
        web.stop()
    assert f"port {taken} is taken by another process; taking " in caplog.text


def test_its_address_is_noted_while_it_runs(tmp_path: Path) -> None:
    note = tmp_path / "workers" / "settle-1.json"
    web = serve(HttpConfig(note=note, role="settle"), GREEN)
    said = {"role": "settle", "pid": os.getpid(), "host": socket.gethostname(), "http": web.address}
    assert json.loads(note.read_text()) == said
    web.stop()
    assert not note.exists()


def test_a_client_that_says_nothing_keeps_nobody_from_asking() -> None:
    web = serve(HttpConfig(), GREEN)
    host, port = web.address.split(":")
    try:
        with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))):
            assert httpx.get(f"http://{web.address}/health", timeout=5).status_code == 200
    finally:
        web.stop()
