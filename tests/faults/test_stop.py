"""How workers end and start: on signals, beside a standby, without a broker, with a broken definition."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import predictions.load
from dualtrack.tools import run_stations, settle_station
from predictions.definitions import DEFINITIONS
from predictions.load import BrokenDefinition
from sinks.driver_faults import translated
from tests.faults.books import check_equation, read_books, read_logs, settled
from tests.faults.flow import Flow
from tests.faults.processes import until
from tests.faults.stage import Stage

STOP_SECONDS = 15.0


@pytest.mark.slow
@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {0}), (signal.SIGINT, {0, 130})])
def test_up_ends_cleanly_in_mid_flow(tmp_path: Path, number: signal.Signals, codes: set[int]) -> None:
    with Stage(tmp_path, with_broker=False) as stage:
        up = stage.run("up", "--embedded")
        up.await_ready()
        with Flow(stage.servers, 60.0, patience=1.0):
            until(lambda: settled(stage.settings) > 20, "events land", 30, [up])
            code = up.stop(number, STOP_SECONDS)
        assert code in codes, up.tail()
        assert not stage.settings.broker_file.exists(), "the address of the broker is left behind"
        books = read_books(stage.settings)
        with translated(), duckdb.connect(str(stage.settings.database)) as unlocked:
            assert unlocked.execute("SELECT count(*) FROM events").fetchall()[0][0] == books.events.total()
        assert not Path(f"{stage.settings.database}.wal").exists(), "the log of changes was not folded in"
        with duckdb.connect(str(stage.settings.snapshot), read_only=True) as snapshot:
            seen = snapshot.execute("SELECT count(*) FROM outcomes").fetchall()[0][0]
        assert seen == len(books.outcomes), "the last snapshot is older than the store"
    assert len({name for name, _ in books.outcomes}) == len(books.outcomes) > 20
    handed_on = sum(offset for (topic, _), offset in books.offsets.items() if not topic.startswith("file:"))
    assert handed_on == len(books.outcomes), "rows and offsets disagree"
    assert books.events.total() == len(books.events), "an event landed twice"


@pytest.mark.slow
def test_a_signal_right_after_the_start_leaves_no_address_behind(tmp_path: Path) -> None:
    with Stage(tmp_path, with_broker=False) as stage:
        up = stage.run("up", "--embedded")
        until(stage.settings.broker_file.exists, "the broker's address is there", 30, [up])
        up.stop(signal.SIGTERM, STOP_SECONDS)
        assert not stage.settings.broker_file.exists(), f"the address of the broker is left behind\n{up.tail()}"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_standby_waits_and_takes_over(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        validate, first = stage.worker("validate"), stage.worker("settle")
        validate.await_ready()
        first.await_ready()
        with Flow(stage.servers, 40.0) as flow:
            until(lambda: settled(stage.settings) > 20, "events land", 30, [validate, first])
            standby, third = stage.worker("settle"), stage.worker("settle")
            for waiting in (standby, third):
                waiting.await_said("standing by")
                assert f"process {first.pid}" in waiting.said, waiting.tail()
            assert third.stop() == 0, third.tail()
            before = settled(stage.settings)
            until(
                lambda: settled(stage.settings) > before, "the first goes on beside its standby", 60, [first, standby]
            )
            assert "All workers are ready" not in standby.said
            first.kill()
            killed_at = time.monotonic()
            standby.await_ready(30)
            took = time.monotonic() - killed_at
            sent = flow.end()
            until(
                lambda: settled(stage.settings) >= sent.total, "the standby settles the rest", 40, [validate, standby]
            )
        assert standby.stop() == 0, standby.tail()
        check_equation(read_books(stage.settings), sent, read_logs(stage.servers))
    assert took < 15, f"the standby took over after {took:.0f} s"


@pytest.mark.parametrize("address", [None, "127.0.0.1:1"])
def test_without_a_broker_the_error_says_how_to_get_one(tmp_path: Path, address: str | None) -> None:
    with Stage(tmp_path, with_broker=False) as stage:
        if address:
            stage.settings.broker_file.write_text(address)  # left behind by an `up --embedded` that was killed
        settle = stage.worker("settle")
        code = settle.wait(40 if address else 20)
        assert code != 0
        assert "dualtrack up --embedded" in settle.said, settle.tail()
        assert "DUALTRACK_KAFKA" in settle.said, settle.tail()
        assert "Traceback" not in settle.said
        assert not stage.settings.database.exists()


BROKEN = (
    pytest.param(lambda text: re.sub(r"^claim:", "claims:", text, flags=re.MULTILINE), "claims", id="an unknown key"),
    pytest.param(lambda text: text + "\nreadings: [\n", "this is no YAML", id="no YAML"),
)


@pytest.mark.slow
def test_a_criterion_that_the_store_refuses_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _put_in_place(tmp_path, monkeypatch, lambda text: text.replace("sql: lab <>", "sql: laboratory <>", 1))
    line = 1 + file.read_text("utf-8").split("sql: laboratory")[0].count("\n")
    with Stage(tmp_path, with_broker=False) as stage, pytest.raises(BrokenDefinition, match="laboratory") as broken:
        run_stations(stage.settings, [settle_station(stage.settings)], bootstrap_servers="127.0.0.1:1", embedded=True)
    assert str(broken.value).startswith(f"{file}:{line}: ")
    assert not stage.settings.database.exists()


@pytest.mark.parametrize(("breaking", "told"), BROKEN)
def test_a_broken_definition_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaking: Callable[[str], str], told: str
) -> None:
    file = _put_in_place(tmp_path, monkeypatch, breaking)
    with Stage(tmp_path, with_broker=False) as stage, pytest.raises(BrokenDefinition) as broken:
        run_stations(stage.settings, [settle_station(stage.settings)], bootstrap_servers="127.0.0.1:1", embedded=True)
    assert re.match(rf"{re.escape(str(file))}:\d+: ", str(broken.value)), broken.value
    assert told in str(broken.value)
    assert not stage.settings.database.exists()


def _put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch, breaking: Callable[[str], str]) -> Path:
    """A broken copy of our first definition takes its place; an absolute name wins over the folder."""
    file = folder / "broken.yaml"
    sound = predictions.load.FOLDER / f"{DEFINITIONS[0]}.yaml"
    file.write_text(breaking(sound.read_text("utf-8")), "utf-8")
    monkeypatch.setattr(predictions.load, "DEFINITIONS", (*DEFINITIONS[1:], str(file.with_suffix(""))))
    return file
