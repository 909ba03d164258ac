"""The demo, run as a person runs it: everything has its outcome, and data that is not its own stays untouched."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from dualtrack.demo.run import MARKER, HomeInUse, run_demo, seed_events
from dualtrack.settings import Settings
from dualtrack.tools import settle_parts
from publishers.sources.bad_inputs import BAD_INPUTS, ODD_INPUTS
from sinks.base import StoreLocked
from tests.dualtrack.kit import dualtrack, json_of

START = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from dualtrack.cli.main import run\n"
    "sys.argv[0] = 'dualtrack'\n"
    "run()\n"
)
"""The command, which heeds SIGINT also where the tests run in the background (a shell ignores it there)."""


@dataclass(frozen=True)
class Shown:
    home: Path
    exit_code: int
    stdout: str
    stderr: str


def environment(columns: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
    return {**own, "COLUMNS": str(columns)}


def demo(home: Path, columns: int) -> Shown:
    command = [sys.executable, "-c", START, "--home", str(home), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(columns), timeout=100)
    return Shown(home, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return demo(tmp_path_factory.mktemp("demo") / "home", columns=80)


@pytest.mark.slow
def test_it_ends_well_and_every_input_has_its_outcome(first: Shown) -> None:
    assert first.exit_code == 0, first.stderr
    found = re.search(r"(\d+) inputs = (\d+) landed \+ (\d+) duplicate \+ (\d+) rejected, in (\d+) s", first.stdout)
    assert found
    inputs, landed, duplicate, rejected, seconds = map(int, found.groups())
    assert inputs == landed + duplicate + rejected
    # One bad input is too large, which the publisher refuses to send.
    assert inputs == len(list(seed_events())) + len(BAD_INPUTS) + len(ODD_INPUTS) - 1
    assert "refused by the publisher: 524,289 bytes" in " ".join(first.stdout.split())
    assert (duplicate, rejected) == (2, len(BAD_INPUTS) - 1)
    assert seconds < 60


@pytest.mark.slow
def test_it_leaves_a_database_that_any_client_opens(first: Shown) -> None:
    with duckdb.connect(str(first.home / "dualtrack.duckdb"), read_only=True) as connection:
        outcomes = dict(connection.execute("SELECT outcome, count(*) FROM outcomes GROUP BY ALL").fetchall())
        rules = {rule for (rule,) in connection.execute("SELECT rule FROM rejections").fetchall()}
        delivered = connection.execute("SELECT receiver FROM alerts WHERE delivered_at IS NOT NULL").fetchall()
    assert outcomes["rejected"] == len(BAD_INPUTS) - 1
    assert rules == {item.expected_rule for item in BAD_INPUTS} - {"too_large"}
    assert {receiver for (receiver,) in delivered} == {"topic", "file"}
    alerts = [json.loads(line) for line in (first.home / "alerts.jsonl").read_text().splitlines()]
    assert len(alerts) >= 1
    assert all(row["state"] for row in json_of("predictions", "list", home=first.home))


@pytest.mark.slow
def test_the_report_shows_everything_and_fits(first: Shown) -> None:
    for title in (
        "Landed, by type and track",
        "Rejected, each with its reason",
        "Predictions: state, progress",
        "Alerts fired",
        "Question 1:",
        "Question 2:",
        "Question 3:",
        "How to go on",
    ):
        assert title in first.stdout
    commands = [line for line in first.stdout.splitlines() if line.startswith("  dualtrack --home")]
    assert len(commands) == 5
    rest = [line for line in first.stdout.splitlines() if str(first.home) not in line]
    assert max(map(len, rest)) <= 80
    # Nothing of the machinery: no log lines, no traceback; only the progress stands on stderr.
    assert [line for line in first.stderr.splitlines() if line.strip()] == [first.stderr.strip("\n")]
    assert "INFO" not in first.stderr
    assert "Faust: validate and settle" in first.stderr


@pytest.mark.slow
def test_a_second_demo_replaces_the_first(first: Shown) -> None:
    sql = "SELECT count(*) AS inputs, min(landed_at) AS first, max(landed_at) AS last FROM outcomes"
    (before,) = json_of("query", sql, home=first.home)
    second = demo(first.home, columns=120)
    assert second.exit_code == 0, second.stderr
    assert max(len(line) for line in second.stdout.splitlines() if str(first.home) not in line) <= 120
    (after,) = json_of("query", sql, home=first.home)
    assert after["inputs"] == before["inputs"]
    assert after["first"] > before["last"]


@pytest.mark.slow
def test_ctrl_c_ends_it_at_once_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, "--home", str(tmp_path / "home"), "demo"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(120)
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / "home" / MARKER).exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "error: interrupted; to begin anew: dualtrack --home" in said
    assert "Traceback" not in said
    assert "terminate called" not in said


def never(*_: object) -> None:
    raise AssertionError("the demo began")


def digests(home: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in home.iterdir() if path.is_file()}


@pytest.mark.parametrize("marker", [None, "This folder's database is the demo's.\n", "12\n", "11\n"])
def test_a_home_with_other_data_is_refused_and_left_untouched(own_copy: Path, marker: str | None) -> None:
    if marker is not None:
        # Once the demo's; since then a file was loaded.
        (own_copy / MARKER).write_text(marker)
    before = digests(own_copy)
    with pytest.raises(HomeInUse, match="dualtrack --home /tmp/dualtrack-demo demo"):
        run_demo(Settings(home=own_copy), never)
    assert digests(own_copy) == before
    said = dualtrack("demo", home=own_copy, exit_code=1).stderr
    assert "holds data that is not the demo's" in said


def test_a_snapshot_without_its_database_is_data_too(own_copy: Path) -> None:
    (own_copy / "dualtrack.duckdb").unlink()
    with pytest.raises(HomeInUse):
        run_demo(Settings(home=own_copy), never)
    assert (own_copy / "dualtrack.snapshot.duckdb").exists()


def test_events_published_since_the_demo_are_data_too(own_copy: Path) -> None:
    connection = duckdb.connect(str(own_copy / "dualtrack.duckdb"))
    connection.execute("UPDATE outcomes SET topic = 'signals.deal'")
    connection.close()
    (own_copy / MARKER).write_text("11\nThis folder's database is the demo's.\n")
    with pytest.raises(HomeInUse):
        run_demo(Settings(home=own_copy), never)
    (own_copy / MARKER).write_text("12\nThis folder's database is the demo's.\n")
    with pytest.raises(AssertionError, match="the demo began"):
        run_demo(Settings(home=own_copy), never)
    assert not (own_copy / "dualtrack.duckdb").exists()


def test_a_store_in_use_is_not_taken_away(own_copy: Path) -> None:
    (own_copy / MARKER).write_text("12\n")
    shutil.copy(own_copy / "dualtrack.duckdb", own_copy / "copy")
    parts = settle_parts(Settings(home=own_copy), ("file",))
    parts.open()
    try:
        with pytest.raises(StoreLocked):
            run_demo(Settings(home=own_copy), never)
    finally:
        parts.sink.close()
    assert (own_copy / "dualtrack.duckdb").exists()
