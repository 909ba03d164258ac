"""A store that is locked, full, being copied, or of another version; every promise is audited afterwards."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dualtrack.tools import reading
from schemas.faults import Fault
from sinks.base import NothingToRead
from sinks.duckdb_tables import migrate, migrations
from tests.faults.processes import until
from tests.faults.scene import Scene
from tests.guarantees.matrix import AUDITED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

HOLD = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(600)"


@pytest.mark.proves(*AUDITED, under="store-locked")
def test_another_process_has_the_store_open(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.go_on()
        scene.kill("settle")
        holder = subprocess.Popen([sys.executable, "-c", HOLD, scene.settings.database], stdout=subprocess.PIPE)
        try:
            assert holder.stdout
            assert holder.stdout.readline() == b"held\n"
            settle = scene.start("settle")
            settle.await_said("standing by")
            assert f"process {holder.pid}" in settle.said, settle.tail()
            assert not settle.ready
        finally:
            holder.kill()
            holder.wait()
        settle.await_ready()
        scene.go_on()
        scene.audit()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system of 48 MB."""
    home = tmp_path / "home"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", home], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield home
    subprocess.run(["umount", "--lazy", home], check=True)


@pytest.mark.proves(*AUDITED, under="disk-full")
def test_the_disk_of_the_store_is_full(small_disk: Path, tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=100) as scene:
        scene.go_on()
        ballast = small_disk / "ballast"
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], capture_output=True)
        assert scene.settle.wait(120) == 1, scene.settle.tail()
        assert "No space left on device" in scene.settle.said, scene.settle.tail()
        ballast.unlink()
        scene.look("after the disk was full")
        scene.start("settle").await_ready()
        scene.go_on()
        scene.audit()


@pytest.mark.proves(*AUDITED, under="checkpoint-in-copy")
def test_a_checkpoint_is_due_while_the_snapshot_is_copied(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=100, sabotage={"settle": ("slow-copy", "1.5")}) as scene:
        over = threading.Event()
        reader = _Reader(scene, over)
        scene.go_on(1500, 90)
        over.set()
        reader.thread.join(20)
        assert not reader.broken, reader.broken[:3]
        assert len(reader.seen) > 2, f"too few snapshots to say anything: {sorted(reader.seen)}"
        scene.audit()


class _Reader:
    """Opens the snapshot again and again, and reads all of it."""

    def __init__(self, scene: Scene, over: threading.Event) -> None:
        self.seen: set[int] = set()
        self.broken: list[str] = []
        self._scene = scene
        self._over = over
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            try:
                with reading(self._scene.settings) as connection:
                    rows = connection.execute("SELECT count(*), sum(hash(o)) FROM outcomes o").fetchall()
                    connection.execute("SELECT sum(hash(e)) FROM events e").fetchall()
                self.seen.add(int(rows[0][0]))
            except NothingToRead:
                pass
            except (Fault, duckdb.Error) as error:
                self.broken.append(str(error))


@pytest.mark.proves(*AUDITED, under="other-version")
def test_a_store_of_an_older_and_of_a_newer_version(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with duckdb.connect(str(home / "dualtrack.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection, 0, migrations()[:1], datetime.now(UTC))
    with Scene(tmp_path) as scene:
        assert (home / "dualtrack.duckdb.v1.bak").exists(), "the older store was not copied before its migration"
        scene.go_on()
        assert scene.settle.stop(signal.SIGTERM, 45) == 0
        _set_version(scene, "version + 98")
        before = scene.settings.database.read_bytes()
        settle = scene.start("settle")
        assert settle.wait(60) == 1, settle.tail()
        assert "Update dualtrack, or name another file. Nothing was changed." in settle.said, settle.tail()
        assert scene.settings.database.read_bytes() == before
        _set_version(scene, "version - 98")
        scene.start("settle").await_ready()
        until(lambda: scene.settle.ready, "settle works", 30)
        scene.go_on()
        scene.audit()


def _set_version(scene: Scene, expression: str) -> None:
    newest = "(SELECT max(version) FROM schema_version)"
    with duckdb.connect(str(scene.settings.database)) as connection:
        connection.execute(f"UPDATE schema_version SET version = {expression} WHERE version = {newest}")
