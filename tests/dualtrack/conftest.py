"""No setting of the machine reaches a test; a store with something of everything in it is made once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualtrack import tools
from dualtrack.broker.embedded import EmbeddedBroker
from dualtrack.settings import BROKER_FILE
from pipeline.flow import ValidateTools
from tests.dualtrack.kit import MIXED, json_of, write_lines


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DUALTRACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="session")
def opened_tools() -> ValidateTools:
    """Knowledge and checks, opened once: that takes a second, which every load would spend again."""
    made = tools.validate_tools()
    made.checks.open()
    made.checks.open = lambda: None  # type: ignore[method-assign]
    return made


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with MIXED in it, to be read only."""
    home = tmp_path_factory.mktemp("loaded")
    file = write_lines(home / "mixed.jsonl", MIXED)
    assert json_of("load", str(file), home=home)["input"] == len(MIXED)
    return home


@pytest.fixture
def own_copy(loaded: Path, tmp_path: Path, opened_tools: ValidateTools, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to be written to; commands in this process share the opened checks."""
    monkeypatch.setattr(tools, "validate_tools", lambda: opened_tools)
    return Path(shutil.copytree(loaded, tmp_path / "home"))


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(i_know_it_forgets=True) as running:
        yield running


@pytest.fixture
def home_with_broker(broker: EmbeddedBroker, tmp_path: Path) -> Path:
    """An empty home that finds the embedded broker, as one in which ``up --embedded`` runs."""
    home = tmp_path / "with-broker"
    home.mkdir()
    (home / BROKER_FILE).write_text(broker.bootstrap_servers)
    return home


FORECASTS_CSV = """\
Prediction,Reading,Forecaster,Probability,Made_at,Why

p1a,literal,Ada,0.35,2026-05-02,
p1a,literal,Ada,60%,2026-09-01T08:00:00Z,"two deals,
one of them signed"
p1a,literal,Bo,0.2,2026-06-10T12:00:00+02:00,
p3a,literal,Ada,0.05,2026-05-02,
p3b,literal,Ada,0.7,2026-05-02,
p2a,,Cy,0.5,2026-07-01,
p2a,literal,Cy,50%,2026-07-01,
"""
"""Six forecasts; the last row says what the one before it says."""


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory, opened_tools: ValidateTools) -> Path:
    """A home into which the commands' own files were loaded: forecasts, then resolutions. To be read only."""
    home = tmp_path_factory.mktemp("decided")
    (home / "forecasts.csv").write_text(FORECASTS_CSV)
    file = str(home / "decisions.jsonl")
    commands = (
        ("import-forecasts", str(home / "forecasts.csv"), "--by", "Eve"),
        ("resolve", "p1a", "--reading", "literal", "--as", "met", "--by", "Eve", "--why", "a filing"),
        ("resolve", "p3a", "--as", "missed", "--by", "Eve", "--why", "no plan"),
        ("resolve", "p3b", "--as", "annulled", "--by", "Eve", "--why", "they merged"),
    )
    for words in commands:
        json_of("predictions", *words, "--to", file, home=home)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tools, "validate_tools", lambda: opened_tools)
        assert json_of("load", file, home=home)["landed"] == 6 + 3
    return home
