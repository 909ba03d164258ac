"""One embedded broker for all tests of the pipeline; topics and groups are unique per test."""

from collections.abc import Iterator

import pytest
from worker_kit import RunningWorker

from dualtrack.broker.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(i_know_it_forgets=True) as running:
        yield running


@pytest.fixture(autouse=True)
def stop_workers() -> Iterator[None]:
    """A test that fails leaves no worker behind."""
    yield
    while RunningWorker.of_this_test:
        RunningWorker.of_this_test.pop().stop()
