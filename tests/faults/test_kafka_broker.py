"""The broker killed, restarted under load, and cut off from the workers; every promise is audited afterwards."""

import time
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.faults.stage import KAFKA_SESSION_SECONDS
from tests.guarantees.matrix import AUDITED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.proves(*AUDITED, under="broker-killed")
def test_kill_9_of_the_broker(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene, scene.supervised():
        for pause in (0.0, 4.0):
            scene.go_on()
            scene.stage.kill_broker()
            scene.look("after the broker was killed")
            time.sleep(pause)
            scene.stage.start_broker()
        scene.go_on(seconds=90)
        scene.audit()


@pytest.mark.proves(*AUDITED, under="broker-restarted")
def test_the_broker_restarts_under_load(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=200) as scene, scene.supervised():
        for _ in range(2):
            scene.go_on(400)
            scene.stage.stop_broker()
            scene.stage.start_broker()
        scene.go_on(seconds=90)
        scene.audit()


@pytest.mark.proves(*AUDITED, under="network-cut")
def test_the_network_is_cut_and_mended(tmp_path: Path) -> None:
    with Scene(tmp_path, cut=True) as scene, scene.supervised():
        assert scene.stage.wire
        for pause in (KAFKA_SESSION_SECONDS / 3, 2 * KAFKA_SESSION_SECONDS):
            scene.go_on(seconds=90)
            scene.stage.wire.cut()
            time.sleep(pause)
            scene.look(f"after a cut of {pause:.0f} s")
            scene.stage.wire.mend()
        scene.go_on(seconds=90)
        scene.audit()
