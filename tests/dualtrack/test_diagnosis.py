"""What the doctor finds: right, wrong, or neither, and how to mend it."""

import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NamedTuple

import pytest

from dualtrack import diagnosis, tools
from dualtrack.diagnosis import CHECKS, Diagnosis, examine, examine_without_settings, healthy
from dualtrack.settings import BROKER_FILE, Settings
from dualtrack.tools import settle_parts
from predictions import load
from predictions.load import BrokenDefinition
from schemas.topics import ALL_TOPICS


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_every_check_runs_on_an_empty_home_and_finds_nothing_wrong(tmp_path: Path) -> None:
    found = examine(Settings(home=tmp_path / "new"))
    assert [item.name for item in found] == list(CHECKS)
    assert healthy(found)
    assert not (tmp_path / "new").exists()
    assert all(item.mend for item in found if item.ok is None)
    with pytest.raises(KeyError):
        examine(Settings(), ["liver"])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "duckdb":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(diagnosis, "version", version)
    assert diagnosis.libraries(Settings()) == Diagnosis("libraries", False, "missing: duckdb", "run `make setup`")


def test_a_home_that_cannot_be_written_or_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert diagnosis.home(Settings(home=Path("/proc/nowhere"))).found == "/proc is not writable"
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "inside"):
        assert diagnosis.home(Settings(home=home)).found == f"{tmp_path / 'file'} is a file, a folder is needed"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**8))
    full = diagnosis.home(Settings(home=tmp_path))
    assert (full.ok, "make room" in full.mend) == (False, True)


def test_a_store_that_is_none_or_of_somebody_else(tmp_path: Path) -> None:
    import duckdb

    settings = Settings(home=tmp_path)
    assert diagnosis.store(settings).ok is None
    settings.database.write_text("hello")
    assert diagnosis.store(settings).ok is False
    settings.database.unlink()
    duckdb.connect(str(settings.database)).execute("CREATE TABLE mine (i INT)").close()
    foreign = diagnosis.store(settings)
    assert foreign.ok is False
    assert "no store of dualtrack" in foreign.found
    assert "restore a copy" in foreign.mend


def test_a_store_that_is_being_written_is_read_from_its_snapshot(loaded: Path, tmp_path: Path) -> None:
    settings = Settings(home=Path(shutil.copytree(loaded, tmp_path / "home")))
    parts = settle_parts(settings, ("file",))
    parts.open()
    try:
        assert diagnosis.store(settings).found.endswith("8 landed, 3 rejected")
        settings.snapshot.unlink()
        waiting = diagnosis.store(settings)
        assert waiting.ok is None
        assert "try again" in waiting.found
    finally:
        parts.sink.close()


def test_the_broker_and_its_topics(home_with_broker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=home_with_broker)
    lacking = diagnosis.broker(settings)
    assert lacking.ok is False
    assert "lacks signals.deal" in lacking.found
    monkeypatch.setattr(tools, "topics_on_broker", lambda servers, timeout_s, security: set(ALL_TOPICS))
    assert diagnosis.broker(settings).ok
    monkeypatch.setattr(tools, "topics_on_broker", lambda servers, timeout_s, security: None)
    assert "or run up again" in diagnosis.broker(settings).mend
    (home_with_broker / BROKER_FILE).unlink()
    assert diagnosis.broker(settings).ok is None
    silent = diagnosis.broker(Settings(home=home_with_broker, kafka="127.0.0.1:1"))
    assert (silent.ok, silent.found) == (False, "nothing answers at 127.0.0.1:1")


def test_a_broken_definition_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(sets: Sequence[str]) -> None:
        raise BrokenDefinition("p1a.yaml:7: what to change")

    monkeypatch.setattr(load, "load_sets", broken)
    found = diagnosis.definitions(Settings())
    assert (found.ok, found.found) == (False, "p1a.yaml:7: what to change")


def test_alert_rules_are_checked_by_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{id: a}, {id: b}]")
    settings = Settings(home=tmp_path, alert_rules=file)
    assert diagnosis.alert_rules(settings).ok
    file.write_text("rules:\n  - {id: a, tags: [nosuch]}")
    found = diagnosis.alert_rules(settings)
    assert not found.ok
    assert "rules.yaml:2: rules.0.tags.0: no tag of a prediction is called 'nosuch'" in found.found
    assert diagnosis.alert_rules(Settings(home=tmp_path)).ok is None


def test_the_sets_that_are_named_are_looked_at() -> None:
    assert diagnosis.definitions(Settings(definitions="seed, calibration")).found.startswith("27 predictions")
    wrong = diagnosis.definitions(Settings(definitions="sede"))
    assert (wrong.ok, wrong.found.partition(":")[0]) == (False, "'sede' is no set of definitions")


def test_the_webhook_is_named_without_its_secrets() -> None:
    found = diagnosis.webhook(Settings.model_validate({"webhook_url": "https://user:pass@example.org/hook?token=1"}))
    assert (found.ok, found.found) == (True, "example.org")


def test_without_settings_only_what_needs_none_is_looked_at() -> None:
    found = examine_without_settings("DUALTRACK_X is wrong", ["python", "store"])
    assert [(item.name, item.ok) for item in found] == [("settings", False), ("python", True)]
    assert not healthy(found)
