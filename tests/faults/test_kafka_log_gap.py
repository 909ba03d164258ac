"""The log lost records that settle had not read: it refuses, goes on when told to, and what was lost is read again."""

import signal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import admin as admin_api

from schemas.topics import VALIDATED
from tests.faults.processes import until
from tests.faults.scene import Scene
from tests.guarantees.matrix import AUDITED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

API: Any = admin_api


def marks(servers: str) -> dict[int, tuple[int, int]]:
    """First and next offset of each partition of signals.validated."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "looks-at-marks"})
    try:
        partitions = consumer.list_topics(VALIDATED, timeout=10).topics[VALIDATED].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(VALIDATED, number), timeout=10)
            for number in partitions
        }
    finally:
        consumer.close()


def written(servers: str) -> int:
    return sum(end for _, end in marks(servers).values())


def forget_everything(scene: Scene) -> None:
    """The broker deletes all records of signals.validated; offsets go on."""
    admin = API.AdminClient({"bootstrap.servers": scene.stage.servers})
    ends = {number: end for number, (_, end) in marks(scene.stage.servers).items() if end}
    asked = admin.delete_records([TopicPartition(VALIDATED, number, end) for number, end in ends.items()])
    for answer in asked.values():
        answer.result(10)
    scene.forgotten = {(VALIDATED, number): end for number, end in ends.items()}


@pytest.mark.proves(*AUDITED, under="log-gap")
def test_a_gap_is_refused_accepted_when_told_and_filled_from_the_raw_topics(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=15) as scene:
        scene.go_on(30, 120)
        assert scene.settle.stop(signal.SIGTERM, 45) == 0
        unread = written(scene.stage.servers) + 40
        until(lambda: written(scene.stage.servers) >= unread, "validate hands on what settle has not read", 60)
        refused = scene.stage.run("worker", "validate", "--from-beginning")
        assert refused.wait(60) == 1, refused.tail()
        assert "1 workers are in the group dualtrack-validate" in refused.said, refused.tail()
        assert scene.validate.stop(signal.SIGTERM, 45) == 0
        forget_everything(scene)

        settle = scene.start("settle")
        assert settle.wait(90) == 1, settle.tail()
        assert "were deleted before they were read" in settle.said, settle.tail()

        scene.workers["settle"] = scene.stage.run("worker", "settle", "--accept-log-gap")
        scene.settle.await_ready(120)
        scene.workers["validate"] = scene.stage.run("worker", "validate", "--from-beginning")
        scene.validate.await_said("from the beginning")
        scene.audit(180)
