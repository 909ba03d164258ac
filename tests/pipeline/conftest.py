"""One broker for all tests of the pipeline; topics and groups are unique per test.

It is the embedded one, or the real Kafka at the address in DUALTRACK_TEST_KAFKA, which must create topics on first
use, with 4 partitions (``num.partitions=4``), and take sessions of 4 s and records of 3 MB.
"""

import os
from collections.abc import Iterator

import pytest

from dualtrack.broker.embedded import EmbeddedBroker
from tests.pipeline.worker_kit import Broker, RunningWorker


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    if real := os.environ.get("DUALTRACK_TEST_KAFKA"):
        yield Broker(real, real=True)
        return
    with EmbeddedBroker(i_know_it_forgets=True) as running:
        yield Broker(running.bootstrap_servers, real=False)


@pytest.fixture(autouse=True)
def stop_workers() -> Iterator[None]:
    """A test that fails leaves no worker behind."""
    yield
    while RunningWorker.of_this_test:
        RunningWorker.of_this_test.pop().stop()
