"""A worker that hangs says where, ends with exit code 1, and its batch lands after the restart: in real processes."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.activity import Activity, Phase
from pipeline.health import Limits
from pipeline.watchdog import Watchdog, Watched
from schemas.faults import Stalled
from tests.pipeline.hanging_worker import END_SECONDS, STALL_SECONDS, STOP_SECONDS
from tests.pipeline.worker_kit import Broker, committed, produce, unique, until

ROOT = Path(__file__).parents[2]
SLACK_SECONDS = 15.0
"""For a machine that does other things too."""


class HangingWorker:
    """The process of ``hanging_worker.py``; its values land in a file."""

    def __init__(self, broker: Broker, folder: Path, how: str) -> None:
        self.broker, self.folder, self.how = broker, folder, how
        self.topic, self.group = unique("raw"), unique("hang")
        self.process: subprocess.Popen[bytes] | None = None
        self.note = folder / "note.json"
        produce(broker.bootstrap_servers, self.topic, [b"one", b"two"], partition=0)

    def start(self) -> None:
        script = ROOT / "tests" / "pipeline" / "hanging_worker.py"
        arguments = [self.broker.bootstrap_servers, self.topic, str(self.folder), self.group, self.how]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), *arguments], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=log
            )

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None
        return self.process

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def landed(self) -> list[bytes]:
        file = self.folder / "landed"
        return file.read_bytes().split() if file.exists() else []

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and answer; 0 where nobody answers yet."""
        try:
            answer = httpx.get(f"http://{json.loads(self.note.read_text())['http']}{path}", timeout=5)
        except (OSError, httpx.HTTPError):
            return 0, {}
        return answer.status_code, answer.json()

    def await_status(self, path: str, status: int, seconds: float = 30.0) -> dict[str, Any]:
        until(lambda: self.ask(path)[0] == status, seconds)
        return self.ask(path)[1]

    def await_hang(self) -> None:
        until((self.folder / "hung").exists, 30)

    def lands_after_a_restart(self) -> None:
        self.start()
        until(lambda: self.landed == [b"one", b"two"], 30)
        self.await_status("/ready", 200)
        self.running.send_signal(signal.SIGTERM)
        assert self.running.wait(STOP_SECONDS + SLACK_SECONDS) == 0, self.said
        assert committed(self.broker.bootstrap_servers, f"{self.group}-memory", self.topic)[0] == 2
        assert not self.note.exists()


@pytest.fixture
def hanging(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HangingWorker]:
    worker = HangingWorker(broker, tmp_path, request.param)
    worker.start()
    yield worker
    worker.running.kill()
    worker.running.wait()


@pytest.mark.slow
@pytest.mark.parametrize("hanging", ["station"], indirect=True)
def test_a_station_that_hangs_is_red_ends_with_its_stack_and_lands_after_the_restart(hanging: HangingWorker) -> None:
    told = hanging.await_status("/health", 503)
    (station,) = told["stations"]
    assert re.search(rf"hangs in station\.process of {hanging.topic}/0 0-1 since 20\S+Z", station["problems"][0])
    assert hanging.ask("/ready")[0] == 503
    assert station["lag"] == {hanging.topic: 2}
    assert hanging.running.wait(STALL_SECONDS + 2 * STOP_SECONDS + END_SECONDS + SLACK_SECONDS) == 1, hanging.said
    assert f"station.process of {hanging.topic}/0 0-1 since" in hanging.said
    assert "The thread dualtrack-memory is at:" in hanging.said
    assert "in hang_in_the_station" in hanging.said
    assert hanging.landed == []
    hanging.lands_after_a_restart()


@pytest.mark.slow
@pytest.mark.parametrize("hanging", ["loop"], indirect=True)
def test_an_event_loop_that_does_not_turn_is_red_and_ends_the_process(hanging: HangingWorker) -> None:
    told = hanging.await_status("/health", 503)
    assert "the event loop has not turned for" in told["stations"][0]["problems"][0]
    assert hanging.running.wait(STALL_SECONDS + END_SECONDS + SLACK_SECONDS) == 1, hanging.said
    assert "The event loop is at:" in hanging.said
    assert "in hang_in_the_event_loop" in hanging.said
    assert "the process ends now, with exit code 1 (it was stopped by: the event loop has not turned" in hanging.said
    hanging.lands_after_a_restart()


@pytest.mark.slow
@pytest.mark.parametrize("hanging", ["lock"], indirect=True)
def test_code_that_keeps_the_interpreters_lock_is_ended_from_outside_of_python(hanging: HangingWorker) -> None:
    hanging.await_hang()
    assert hanging.running.wait(STALL_SECONDS + END_SECONDS + SLACK_SECONDS) == 1, hanging.said
    assert "hang_with_the_interpreters_lock" in hanging.said
    hanging.lands_after_a_restart()


@pytest.mark.slow
@pytest.mark.parametrize(("hanging", "code"), [("station", 0), ("loop", 1)], indirect=["hanging"])
def test_sigterm_ends_a_worker_that_hangs_in_bounded_time(hanging: HangingWorker, code: int) -> None:
    hanging.await_hang()
    hanging.running.send_signal(signal.SIGTERM)
    assert hanging.running.wait(2 * STOP_SECONDS + END_SECONDS + SLACK_SECONDS) == code, hanging.said
    assert f"in hang_in_the_{'station' if code == 0 else 'event_loop'}" in hanging.said


class Ended:
    """In the place of os._exit."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.event = threading.Event()

    def __call__(self, code: int) -> None:
        self.code = code
        self.event.set()


@pytest.mark.asyncio
async def test_it_tells_the_worker_to_stop_and_ends_it_when_that_does_not_help(
    caplog: pytest.LogCaptureFixture,
) -> None:
    activity, ended, crashes = Activity("settle"), Ended(), list[Exception]()
    limits = Limits(stall_seconds=0.3, stop_grace_seconds=0.1, grace_seconds=0.1)
    dog = Watchdog([Watched(activity, crashes.append)], asyncio.get_running_loop(), limits, ended)
    activity.enter(Phase.RUNNING)
    dog.start()
    with activity.step("delivering", "raw/0 1-2"):
        until_told = time.monotonic() + 5
        while not ended.event.is_set() and time.monotonic() < until_told:
            activity.turned()
            await asyncio.sleep(0.01)
    dog.stop()
    assert ended.code == 1
    (fault,) = crashes
    assert isinstance(fault, Stalled)
    assert "it hangs in delivering of raw/0 1-2 since" in str(fault)
    assert activity.phase is Phase.FAILED
    assert "Where all threads are" in caplog.text
    assert "thread dualtrack-watchdog" in caplog.text


@pytest.mark.asyncio
async def test_it_leaves_a_worker_alone_that_does_its_work() -> None:
    activity, ended, crashes = Activity("settle"), Ended(), list[Exception]()
    dog = Watchdog([Watched(activity, crashes.append)], asyncio.get_running_loop(), Limits(stall_seconds=0.3), ended)
    dog.start()
    with activity.step("station.open"):  # a standby opens for as long as it must
        for _ in range(60):
            activity.turned()
            with activity.step("station.process"):
                await asyncio.sleep(0.01)
    dog.stop()
    assert (ended.code, crashes) == (None, [])
