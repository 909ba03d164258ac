"""The real Kafka of ``dualtrack broker start``, and the product on it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from dualtrack.broker.local import BrokerNotStarted
from dualtrack.demo.run import SEED, seed_events
from dualtrack.settings import Settings
from dualtrack.tools import local_broker, reading, start_local_broker, topics_on_broker
from dualtrack.topics import wanted
from tests.faults.processes import Process, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dualtrack"]


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


@pytest.fixture
def home_with_broker(need_kafka: None, tmp_path: Path) -> Iterator[Settings]:
    """A home whose Kafka is empty: what other tests have published would be counted too."""
    settings = Settings(home=tmp_path)
    start_local_broker(settings, port=0)
    yield settings
    local_broker(settings).stop()


def test_the_seed_lands_through_real_kafka_and_a_killed_settle_loses_nothing(
    home_with_broker: Settings, tmp_path: Path
) -> None:
    settings = home_with_broker
    kafka = settings.bootstrap_servers()
    assert kafka
    env = {**os.environ, "DUALTRACK_KAFKA": kafka, "DUALTRACK_HOME": str(tmp_path)}
    events = len(list(seed_events()))
    workers: list[Process] = []

    def start(role: str) -> Process:
        log = tmp_path / f"{role}-{len(workers)}.log"
        workers.append(Process(role, [*COMMAND, "worker", role], log, env))
        return workers[-1]

    def publish() -> None:
        lines = b"".join(path.read_bytes() for path in sorted(SEED.glob("*.jsonl")))
        command = [*COMMAND, "publish", "-", "--json"]
        done = subprocess.run(command, env=env, cwd=ROOT, input=lines, capture_output=True, check=True)
        assert json.loads(done.stdout)["published"] == events

    def landed() -> bool:
        return settings.snapshot.exists() and counts(settings).get("landed", 0) > 0

    everything = {"landed": events, "duplicate": events}
    try:
        validate, settle = start("validate"), start("settle")
        publish()
        until(landed, "a first snapshot", 60, workers)
        settle.kill()
        publish()
        settle = start("settle")
        running = [validate, settle]
        until(lambda: counts(settings) == everything, "the sum equals the input", 90, running, pause=0.3)
        for worker in running:
            assert worker.stop(seconds=40) == 0, worker.tail()
        assert counts(settings) == everything
    finally:
        for worker in workers:
            worker.kill()


def test_the_suite_of_the_transport_passes_on_real_kafka_too(lenient_kafka: str) -> None:
    files = [
        f"tests/pipeline/test_{name}.py" for name in ("transport", "agents", "delivery", "app", "buffering", "log_tail")
    ]
    env = {**os.environ, "DUALTRACK_TEST_KAFKA": lenient_kafka}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
