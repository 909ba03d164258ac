"""The embedded broker: asked for explicitly, lives as long as its object, or as a process of its own."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import confluent_kafka
import pytest

from dualtrack.broker.embedded import PARTITIONS, EmbeddedBroker, main

ROOT = Path(__file__).parents[3]


def partitions_of(bootstrap_servers: str, topic: str) -> int:
    client = confluent_kafka.Producer({"bootstrap.servers": bootstrap_servers})
    return len(client.list_topics(timeout=5).topics[topic].partitions)


def test_is_refused_unless_asked_for_knowingly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keeps the last 5 MB"):
        EmbeddedBroker(i_know_it_forgets=False)
    with pytest.raises(SystemExit):
        main(["--port-file", str(tmp_path / "port")])
    assert "keeps the last 5 MB" in capsys.readouterr().err


def test_says_what_it_is_and_gives_every_topic_its_partitions(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), EmbeddedBroker(i_know_it_forgets=True) as broker:
        broker.create_topics(["signals.deal"])
        assert broker.partitions == PARTITIONS == partitions_of(broker.bootstrap_servers, "signals.deal")
    assert "drops older records without a word" in caplog.messages[0]
    assert broker.bootstrap_servers == ""
    with pytest.raises(RuntimeError, match="not running"):
        broker.create_topics(["signals.deal"])


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_of_its_own(tmp_path: Path, end: signal.Signals) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "dualtrack.broker.embedded", "--i-know-it-forgets", "--port-file", str(port_file)]
    with subprocess.Popen(
        [*command, "--topic", "signals.deal"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 10
            while not port_file.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert partitions_of(port_file.read_text(), "signals.deal") == PARTITIONS
            process.send_signal(end)
            _, said = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said.startswith("Embedded broker, for the demo and tests")
