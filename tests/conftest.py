"""Plugins of the whole suite."""

import pytest

from tests.guarantees.coverage import Coverage


def pytest_configure(config: pytest.Config) -> None:
    """Count which cells of ``docs/guarantees.md`` a run proves."""
    config.pluginmanager.register(Coverage(), "guarantees")
