"""kill -9 on a real Kafka: of validate, of settle, of both; every promise is audited afterwards."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.guarantees.matrix import AUDITED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

LONGEST_RECOVERY = 45.0
"""Seconds: the group's session (6 s) and the start of a worker, on a machine that other tests load."""


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20261125)


@pytest.mark.proves(*AUDITED, under="settle-killed")
def test_kill_9_of_settle(tmp_path: Path, chance: random.Random) -> None:
    with Scene(tmp_path) as scene:
        for _ in range(2):
            scene.go_on()
            # Not a wait for something: the moment of the kill is what is tried out.
            time.sleep(chance.uniform(0, 1))
            scene.kill("settle")
            began = time.monotonic()
            scene.start("settle").await_ready()
            assert time.monotonic() - began < LONGEST_RECOVERY
        scene.audit()


@pytest.mark.proves(*AUDITED, under="validate-killed")
def test_kill_9_of_validate(tmp_path: Path, chance: random.Random) -> None:
    with Scene(tmp_path) as scene:
        for _ in range(2):
            scene.go_on()
            time.sleep(chance.uniform(0, 1))
            scene.kill("validate")
            scene.start("validate").await_ready()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="both-killed")
def test_kill_9_of_both_at_once(tmp_path: Path, chance: random.Random) -> None:
    with Scene(tmp_path) as scene:
        for _ in range(2):
            scene.go_on()
            time.sleep(chance.uniform(0, 1))
            scene.validate.kill()
            scene.kill("settle")
            for role in ("validate", "settle"):
                scene.start(role)
            scene.validate.await_ready()
            scene.settle.await_ready()
        scene.audit()
