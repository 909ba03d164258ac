"""Every command of docker-compose.yml for real, without Docker: topics, both validates, settle, a standby, checks.

On a real Kafka; with a read-only root and no home where this machine lets us have one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())["services"]
DUALTRACK = Path(sys.executable).with_name("dualtrack")
SEED = ROOT / "publishers" / "sources" / "seed"

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

READ_ONLY_ROOT = """
set -e
mount --make-rprivate /
mount -o remount,bind,ro /
for part in {root} {tmp}; do mount --bind "$part" "$part"; mount -o remount,bind,ro "$part"; done
mount -t tmpfs -o size=256m tmpfs "$TMPDIR"
if touch /written 2>/dev/null; then echo "the root can be written" >&2; exit 99; fi
exec "$@"
"""


class Container:
    """One container of a service: its environment and command, with a home of its own unless it is shared."""

    def __init__(self, service: str, folder: Path, kafka: str, home: Path) -> None:
        self.service, self.folder, self.home = SERVICES[service], folder, home
        self.log = folder / "log"
        folder.mkdir()
        home.mkdir(exist_ok=True)
        inside = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
        # As in the file, but for what Docker gives: the name of the broker, a network and a folder of its own.
        given = {"DUALTRACK_KAFKA": kafka, "DUALTRACK_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        if "DUALTRACK_HTTP" in self.service["environment"]:
            given["DUALTRACK_HTTP"] = "127.0.0.1:0"
        assert self.service["environment"].keys() <= {*given, "DUALTRACK_LOG"}
        self.environment = inside | self.service["environment"] | given
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *prefix: str, **environment: str) -> None:
        command = [*prefix, str(DUALTRACK), *self.service["command"]]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment | environment, cwd=ROOT, stdout=log, stderr=log
            )

    def wait(self, seconds: float = 60.0) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def check(self) -> int:
        """The exit code of its health check."""
        kind, *words = self.service["healthcheck"]["test"]
        assert (kind, words[0]) == ("CMD", "dualtrack")
        done = subprocess.run([DUALTRACK, *words[1:]], env=self.environment, cwd=ROOT, capture_output=True, check=False)
        return done.returncode

    @property
    def http(self) -> str:
        notes = [json.loads(note.read_text()) for note in (self.home / "workers").glob("*.json")]
        return next(str(note["http"]) for note in notes if self.process and note["pid"] == self.process.pid)

    def phase(self) -> str:
        try:
            (station,) = httpx.get(f"http://{self.http}/ready", trust_env=False).json()["stations"]
        except (StopIteration, httpx.HTTPError, OSError):
            return "not there"
        return "ready" if station["ready"] else str(station["phase"])

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(kafka_address: str, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    started: list[Container] = []

    def one(service: str, *prefix: str, home: Path | None = None, **environment: str) -> Container:
        folder = tmp_path / f"{len(started)}-{service}"
        started.append(Container(service, folder, kafka_address, home or folder / "home"))
        started[-1].start(*prefix, **environment)
        return started[-1]

    yield one
    for container in started:
        container.end()


def until(holds: Callable[[], bool], what: str, container: Container, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{container.log.read_text()[-3000:]}"
        time.sleep(0.3)


def test_the_whole_file_without_docker(start: Callable[..., Container], tmp_path: Path) -> None:
    assert start("topics").wait() == 0
    workers = [start("validate") for _ in range(SERVICES["validate"]["deploy"]["replicas"])]
    settle = start("settle", home=tmp_path / "data")
    for container in (*workers, settle):
        until(lambda container=container: container.phase() == "ready", "it is ready", container)  # type: ignore[misc]
        assert container.check() == 0
    standby = start("settle", home=tmp_path / "data")  # --scale settle=2: the same volume
    until(lambda: standby.phase() == "standing by", "it stands by", standby)
    assert standby.check() == 0, "a standby is healthy"
    lines = b"".join(path.read_bytes() for path in sorted(SEED.glob("*.jsonl")))
    subprocess.run([DUALTRACK, "publish", "-"], env=settle.environment, input=lines, check=True, capture_output=True)
    count = len(lines.splitlines())

    def settled() -> float:
        families = text_string_to_metric_families(httpx.get(f"http://{settle.http}/metrics", trust_env=False).text)
        return sum(one.value for family in families for one in family.samples if one.name == "dualtrack_outcomes_total")

    until(lambda: settled() >= count, "every input is settled and counted", settle)
    settle.end()
    until(lambda: standby.phase() == "ready", "the standby has taken over", standby)
    status = subprocess.run([DUALTRACK, "status"], env=standby.environment, capture_output=True, text=True, check=False)
    assert status.returncode == 0, status.stdout
    assert re.search(r"ok  validate +2 members, nothing waits", status.stdout), status.stdout
    for container in (*workers, standby):
        assert container.process
        container.process.terminate()
        assert container.wait() == 0
        assert container.check() == 1, "nothing runs there"
    logged = [json.loads(line) for line in workers[0].log.read_text().splitlines()]
    assert {line["role"] for line in logged} == {"validate"}, "every line is JSON"


def test_the_workers_need_no_writable_root(start: Callable[..., Container], tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    probe = [unshare or "unshare", "--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"]
    if unshare is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("a read-only root needs a mount namespace, which this user may not make")
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    script = READ_ONLY_ROOT.format(root=ROOT, tmp=tmp_path.parent)
    assert start("topics").wait() == 0
    # On its tmpfs, as in the compose file; the note of its address lies there too, so its log tells that it is ready.
    inside = [unshare, "--mount", "bash", "-c", script, "bash"]
    worker = start("settle", *inside, TMPDIR=str(tmp), DUALTRACK_HOME=str(tmp / "data"), HOME="/nonexistent")
    until(lambda: "All workers are ready" in worker.log.read_text(), "it is ready", worker)
    assert worker.process
    worker.process.terminate()
    assert worker.wait() == 0
    assert not (tmp / "data").exists(), "it was to write on its own tmpfs"
