"""One open runner for all tests of checks: opening takes seconds."""

import pytest

from checks.runner import CheckRunner


@pytest.fixture(scope="session")
def runner() -> CheckRunner:
    """All rules, ready to run in the test's thread."""
    runner = CheckRunner()
    runner.open()
    return runner
