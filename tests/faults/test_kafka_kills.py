"""kill -9 on a real Kafka: of validate, of settle, of both, of the broker; every promise is audited afterwards."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.scene import AUDITED, Scene

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SEED = 20261125


@pytest.mark.proves(*AUDITED, under="settle-killed")
def test_kill_9_of_settle(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with Scene(tmp_path) as scene:
        for _ in range(3):
            scene.go_on()
            # Not a wait for something: the moment of the kill is what is tried out.
            time.sleep(chance.uniform(0, 1))
            scene.kill("settle")
            scene.start("settle").await_ready()
        scene.audit()
