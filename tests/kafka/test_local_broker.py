"""The real Kafka of ``dualtrack broker start``, and the product on it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from dualtrack.broker.local import BrokerNotStarted
from dualtrack.demo.run import SEED, seed_events
from dualtrack.settings import Settings
from dualtrack.tools import local_broker, reading, start_local_broker, topics_on_broker
from dualtrack.topics import wanted

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dualtrack"]


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def test_the_topics_are_declared_with_their_partitions_and_sizes(kafka_address: str) -> None:
    found = AdminClient({"bootstrap.servers": kafka_address}).list_topics(timeout=10).topics
    assert {name: len(found[name].partitions) for name in wanted()} == {
        name: partitions for name, (partitions, _) in wanted().items()
    }


def test_starting_a_running_broker_changes_nothing(kafka_home: Path) -> None:
    settings = Settings(home=kafka_home)
    before = local_broker(settings).status()
    assert start_local_broker(settings, port=0) == before
    assert before.running


def test_a_taken_port_is_a_clear_error(kafka_home: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerNotStarted, match=f"{port} already: choose another with --port"):
            start_local_broker(Settings(home=tmp_path), port)


def test_what_it_holds_survives_a_restart(tmp_path: Path, kafka_home: Path) -> None:
    settings = Settings(home=tmp_path)
    start_local_broker(settings, port=0)
    try:
        assert local_broker(settings).stop()
        assert not local_broker(settings).status().running
        assert not local_broker(settings).stop()
        status = local_broker(settings).start(0, lambda address: topics_on_broker(address, 2.0) is not None)
        assert status.bootstrap_servers
        assert set(wanted()) <= (topics_on_broker(status.bootstrap_servers, 5.0) or set())
    finally:
        local_broker(settings).stop()


def counts(settings: Settings) -> dict[str, int]:
    with reading(settings) as connection:
        return dict(connection.execute("SELECT outcome, count(*)::INT FROM outcomes GROUP BY ALL").fetchall())


def test_the_seed_lands_through_real_kafka_and_a_killed_settle_loses_nothing(
    kafka_address: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    env = {**os.environ, "DUALTRACK_KAFKA": kafka_address, "DUALTRACK_HOME": str(tmp_path)}
    events = len(list(seed_events()))
    workers: list[subprocess.Popen[bytes]] = []

    def start(role: str) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"{role}-{len(workers)}.log").open("wb")
        workers.append(subprocess.Popen([*COMMAND, "worker", role], env=env, cwd=ROOT, stdout=log, stderr=log))
        return workers[-1]

    def publish() -> None:
        lines = b"".join(path.read_bytes() for path in sorted(SEED.glob("*.jsonl")))
        command = [*COMMAND, "publish", "-", "--json"]
        done = subprocess.run(command, env=env, cwd=ROOT, input=lines, capture_output=True, check=True)
        assert json.loads(done.stdout)["published"] == events

    try:
        start("validate")
        settle = start("settle")
        publish()
        until(lambda: settings.snapshot.exists() and counts(settings).get("landed", 0) > 0, 60, "a first snapshot")
        settle.kill()
        settle.wait()
        publish()
        start("settle")
        until(lambda: counts(settings) == {"landed": events, "duplicate": events}, 90, "the sum equals the input")
        for worker in workers[0], workers[2]:
            worker.terminate()
            assert worker.wait(40) == 0
        assert counts(settings) == {"landed": events, "duplicate": events}
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_the_suite_of_the_transport_passes_on_real_kafka_too(lenient_kafka: str) -> None:
    files = [
        f"tests/pipeline/test_{name}.py" for name in ("transport", "agents", "delivery", "app", "buffering", "log_tail")
    ]
    env = {**os.environ, "DUALTRACK_TEST_KAFKA": lenient_kafka}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
