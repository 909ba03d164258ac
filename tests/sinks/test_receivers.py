"""The file receiver: an alert stands in the file once, whatever was cut off in between."""

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sinks.receivers import FileReceiver, NotDelivered
from tests.sinks.builders import alert


def keys(path: Path) -> list[str]:
    """Of the whole lines, as a reader of the file finds them."""
    found = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            told = json.loads(line)
            found += [told["key"]] if isinstance(told, dict) else []
    return found


def test_an_alert_is_written_once_also_by_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    first = FileReceiver(file)
    for key in ("a", "b", "a"):
        first.send(alert(key))
    second = FileReceiver(file)
    for key in ("b", "a", "c"):
        second.send(alert(key))
    assert keys(file) == ["a", "b", "c"]


@pytest.mark.parametrize("cut", range(1, 40))
def test_what_a_crash_cut_off_is_written_again_and_whole_lines_are_not(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "alerts.jsonl"
    receiver = FileReceiver(file)
    receiver.send(alert("a"))
    receiver.send(alert("b"))
    file.write_bytes(file.read_bytes()[:-cut])
    again = FileReceiver(file)
    again.send(alert("a"))
    again.send(alert("b"))
    again.send(alert("c"))
    assert keys(file) == ["a", "b", "c"]


def test_lines_of_others_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(b'\xff\xfe\n[]\n{"key": 5}\n{"key"\n\nhello\n')
    FileReceiver(file).send(alert("a"))
    assert keys(file)[-1] == "a"


def test_a_disk_that_fills_in_the_middle_of_a_line_loses_and_doubles_none(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    receiver = FileReceiver(file)
    receiver.send(alert("a"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 50, hard))
    try:
        with pytest.raises(NotDelivered, match="could not write"):
            receiver.send(alert("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    receiver.send(alert("a"))
    receiver.send(alert("b"))
    assert keys(file) == ["a", "b"]


WRITER = """
import sys
from contextlib import suppress
from pathlib import Path
from sinks.receivers import FileReceiver
from tests.sinks.builders import alert
receiver = FileReceiver(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    receiver.send(alert(f"key-{number}"))
"""


def test_kill_9_in_mid_writing_doubles_none(tmp_path: Path) -> None:
    """Each process begins at the first alert again, as if nothing had been noted."""
    file = tmp_path / "alerts.jsonl"
    root = Path(__file__).parents[2]
    for turn in range(6):
        command = [sys.executable, "-c", WRITER, str(file), "100000"]
        writer = subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert writer.stdout
        writer.stdout.readline()
        size = file.stat().st_size if file.exists() else 0
        while not file.exists() or file.stat().st_size < size + 1000 * (turn + 1):
            assert writer.poll() is None
        writer.kill()
        writer.wait()
        writer.stdout.close()
    found = keys(file)
    assert len(found) > 15
    assert found == [f"key-{number}" for number in range(len(found))]
