"""On a real Kafka: what workers landed through kills is what a rebuild gives, and a lost store comes back."""

import json
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dualtrack.tools import reading
from tests.dualtrack.kit import mixed, write_lines
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]


def command(scene: Scene, *words: str) -> tuple[int, Any]:
    """Exit code and JSON of a command on the scene's home."""
    process = scene.stage.run(*words, "--json")
    code = process.wait(180)
    lines = [line for line in process.said.splitlines() if line.startswith("{")]
    return code, json.loads(lines[-1]) if lines else process.tail()


def count(path: Path, table: str) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def test_a_rebuild_equals_what_workers_landed_and_replaces_a_lost_store(tmp_path: Path) -> None:
    with Scene(tmp_path, per_second=15) as scene:
        scene.go_on(30, 120)
        scene.validate.kill()
        scene.kill("settle")
        for role in ("validate", "settle"):
            scene.start(role).await_ready(120)
        scene.go_on(30, 120)
        refused = scene.stage.run("rebuild", "--verify")
        assert refused.wait(120) == 1, refused.tail()
        assert "is open in another process" in refused.said or "has the store" in refused.said, refused.tail()
        scene.audit(180)

        file = write_lines(tmp_path / "loaded.jsonl", mixed("loaded"))
        assert command(scene, "load", str(file))[0] == 0
        code, told = command(scene, "rebuild", "--verify")
        assert (code, told["equal"]) == (0, True), told
        rows = {one["table"]: one["rows"] for one in told["tables"]}
        assert all(rows[table] for table in ("events", "duplicate_events", "rejections", "decisions", "outbox")), rows
        assert told["carried_over"] == len(mixed("loaded"))

        code, told = command(scene, "rebuild")
        assert code == 0, told
        assert count(Path(told["backup"]), "events") == count(scene.settings.database, "events") == rows["events"]

        scene.settings.database.unlink()
        code, told = command(scene, "rebuild")
        assert (code, told["backup"]) == (0, None), told
        assert told["alerts_not_sent"] == count(scene.settings.database, "outbox") > 0
        assert command(scene, "load", str(file))[0] == 0
        with reading(scene.settings) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchall() == [(rows["events"],)]
        settle = scene.start("settle")
        settle.await_ready(120)
        assert settle.stop(signal.SIGTERM, 60) == 0, settle.tail()
        assert count(scene.settings.database, "outcomes") == rows["outcomes"]
