"""Workers that join, leave, are told to end, stand beside a broken rule, a slow sink or a jumping clock; audited."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.poison import poison
from tests.faults.processes import until
from tests.faults.scene import Scene
from tests.guarantees.matrix import AUDITED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@pytest.mark.proves(*AUDITED, under="rebalance")
def test_workers_join_and_leave_while_batches_are_in_flight(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=100) as scene:
        second, third = scene.stage.worker("validate"), scene.stage.worker("validate")
        second.await_ready()
        third.await_ready()
        scene.go_on(200)
        assert second.stop(signal.SIGTERM, 45) == 0, second.tail()
        scene.go_on(200)
        third.kill()
        fourth = scene.stage.worker("validate")
        fourth.await_ready()
        scene.go_on(400)
        scene.audit()
        assert fourth.stop(signal.SIGTERM, 45) == 0, fourth.tail()


@pytest.mark.proves(*AUDITED, under="signals")
def test_sigterm_and_ctrl_c_in_mid_flow(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=100) as scene:
        for number, codes in ((signal.SIGTERM, {0}), (signal.SIGINT, {0, 130})):
            for role in ("validate", "settle"):
                scene.go_on(100)
                worker = scene.workers[role]
                assert worker.stop(number, 45) in codes, worker.tail()
                assert "Traceback" not in worker.said, worker.tail()
                scene.look(f"after {number.name} to {role}")
                scene.start(role).await_ready()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="rule-raises")
def test_a_rule_that_raises_stops_validate_and_nothing_passes_unchecked(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.go_on()
        assert scene.validate.stop(signal.SIGTERM, 45) == 0
        broken = scene.start("validate", sabotage=("rule-raises",))
        assert broken.wait(60) == 1, broken.tail()
        assert "rule test.raises is broken" in broken.said, broken.tail()
        scene.start("validate").await_ready()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="slow-sink")
def test_a_sink_that_takes_two_seconds_for_a_batch(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=200, sabotage={"settle": ("slow-sink", "2")}) as scene:
        scene.go_on(1500, 90)
        scene.audit()


@pytest.mark.proves(*AUDITED, under="burst")
def test_a_burst_of_ten_times_the_load(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.go_on()
        scene.flow.per_second *= 10
        until(lambda: scene.sent.total > 3000, "the burst is sent", 60)
        scene.flow.per_second /= 10
        scene.go_on()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="poison")
def test_poison_on_every_topic(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.go_on()
        poison(scene.stage.servers, scene.sent)
        scene.go_on(300, 90)
        scene.kill("validate")
        scene.start("validate").await_ready()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="clock-jumps")
def test_the_clock_jumps_forward_and_back(tmp_path: Path) -> None:
    if not FAKETIME.exists():
        reason = "libfaketime is needed (Debian: apt install libfaketime)"
        (pytest.fail if os.environ.get("DUALTRACK_TEST_REQUIRE_KAFKA") else pytest.skip)(reason)
    jump = tmp_path / "clock"
    jump.write_text("+0")
    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(jump),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    plain = ("plain-sleep",)
    with Scene(tmp_path, env=env, sabotage={"validate": plain, "settle": plain}) as scene:
        for offset in ("+2h", "-2h", "+400d", "+0"):
            scene.go_on()
            jump.write_text(offset)
            # Not a wait for something: time under the wrong clock.
            time.sleep(2)
            scene.look(f"under a clock of {offset}")
        scene.go_on()
        scene.audit()
