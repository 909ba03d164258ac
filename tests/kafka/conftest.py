"""A real Apache Kafka for the tests in this folder, started once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualtrack.broker.local import LocalBroker
from dualtrack.settings import Settings
from dualtrack.tools import local_broker, start_local_broker, topics_on_broker

NEEDS = "a real Kafka needs"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The very last line, which nobody overlooks: a run without a real Kafka proves less."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = (
        [report for report in reporter.stats.get("skipped", []) if NEEDS in str(report.longrepr)] if reporter else []
    )
    if reporter and skipped:
        told = f"{len(skipped)} tests on a real Kafka did NOT run: install Java 17 or newer and Maven"
        reporter.write_sep("=", told, red=True, bold=True)


@pytest.fixture(scope="session")
def need_kafka() -> None:
    """Skip where a real Kafka cannot run; fail where it has to (``.ci/run`` says so)."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        reason = f"{NEEDS} {' and '.join(missing)}, not found here"
        if os.environ.get("CI") or os.environ.get("DUALTRACK_TEST_REQUIRE_KAFKA"):
            pytest.fail(f"{reason}; it is required here")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka_home(need_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose Kafka runs, with the topics declared."""
    home = tmp_path_factory.mktemp("kafka-home")
    start_local_broker(Settings(home=home), port=0)
    yield home
    local_broker(Settings(home=home)).stop()


@pytest.fixture(scope="session")
def kafka_address(kafka_home: Path) -> str:
    address = Settings(home=kafka_home).bootstrap_servers()
    assert address
    return address


@pytest.fixture
def lenient_kafka(kafka_home: Path, tmp_path: Path) -> Iterator[str]:
    """The address of another Kafka, as the suite of the transport wants it: topics on first use, short sessions."""
    overrides = {
        "auto.create.topics.enable": "true",
        "num.partitions": "4",
        "message.max.bytes": "4194304",
        "replica.fetch.max.bytes": "4194304",
        "group.min.session.timeout.ms": "1000",
    }
    broker = LocalBroker(tmp_path / "lenient", Settings(home=kafka_home).cache.expanduser(), overrides)
    status = broker.start(0, lambda address: topics_on_broker(address, 2.0) is not None)
    assert status.bootstrap_servers
    yield status.bootstrap_servers
    broker.stop()
