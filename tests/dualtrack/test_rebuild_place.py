"""The moment at which a rebuilt store takes the old one's place, with a worker that stands by for it."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dualtrack import rebuild
from dualtrack.tools import utc_now
from sinks.duckdb_sink import DuckDBSink
from sinks.old_store import OldStore

STANDBY = """
import sys, time
from pathlib import Path
from sinks.duckdb_sink import DuckDBSink
from tests.sinks.builders import LANDED_AT, arrived, batch
sink = DuckDBSink(Path(sys.argv[1]))
sink.open()
with sink.transaction() as transaction:
    transaction.land(batch(arrived(1)), LANDED_AT)
print("committed", flush=True)
time.sleep(60)
"""


def make(path: Path) -> Path:
    with DuckDBSink(path) as sink:
        sink.open()
    return path


def test_what_a_standby_commits_at_once_survives_its_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, draft = make(tmp_path / "store.duckdb"), make(tmp_path / ".draft")
    running: list[subprocess.Popen[str]] = []
    rename = Path.replace

    def renamed_and_taken(path: Path, to: Path) -> Path:
        """The worker is quicker than the rebuild's next step."""
        done = rename(path, to)
        command = [sys.executable, "-c", STANDBY, str(target)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == "committed\n"
        return done

    with OldStore(target, utc_now) as old:
        monkeypatch.setattr(Path, "replace", renamed_and_taken)
        try:
            backup = rebuild._take_the_place(draft, target, old)
        finally:
            monkeypatch.undo()
            for process in running:
                process.kill()
                process.communicate()
    assert backup is not None
    for path, events in ((target, 1), (backup, 0)):
        with duckdb.connect(str(path)) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchall() == [(events,)]


def test_a_log_of_changes_goes_with_the_store_that_is_put_aside(tmp_path: Path) -> None:
    target, draft = make(tmp_path / "store.duckdb"), make(tmp_path / ".draft")
    with OldStore(target, utc_now) as old:
        Path(f"{target}.wal").write_bytes(b"changes")
        backup = rebuild._take_the_place(draft, target, old)
    assert Path(f"{backup}.wal").read_bytes() == b"changes"
    assert not Path(f"{target}.wal").exists()
