"""Processes of ours under test: started, killed, asked to end, and what they said."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
READY: Final = "All workers are ready"
TAIL_LINES: Final = 40


class Process:
    """A process of ours, its log in a file."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        self.pid = self._popen.pid
        self.ending = False
        """It was killed, or asked to end."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    @property
    def ready(self) -> bool:
        """Has it its partitions, and was not asked to end, nor ends by itself on a fault?"""
        said = self.said
        return READY in said and " CRITICAL " not in said and not self.ending and self.exit_code is None

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self.ending = True
        self._popen.kill()
        self._popen.wait()

    def send(self, number: signal.Signals) -> None:
        self.ending = self.ending or number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
        self._popen.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Ask it to end; its exit code. Fails when it has not ended in time."""
        self.send(number)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended after {seconds:.0f} s\n{self.tail()}") from None

    def await_said(self, text: str, seconds: float = 60.0) -> None:
        """Wait until its log holds the text; fails when the process ends before."""
        until(lambda: text in self.said, f"{self.name} says {text!r}", seconds, [self])

    def await_ready(self, seconds: float = 60.0) -> None:
        self.await_said(READY, seconds)

    def tail(self) -> str:
        state = "runs" if self.exit_code is None else f"ended with {self.exit_code}"
        lines = self.said.splitlines()[-TAIL_LINES:]
        return "\n".join([f"--- the log of {self.name} ({state}) ends with:", *lines])


def until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = 90.0,
    processes: Sequence[Process] = (),
    also: Callable[[], str] = lambda: "",
    pause: float = 0.02,
) -> None:
    """Wait until it is true. Fails, with the logs' ends, at the deadline or when one of the processes ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        logs = "\n".join(process.tail() for process in processes) if time.monotonic() > deadline else ""
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}. {also()}\n{logs}"
        for process in processes:
            if process.exit_code is not None and not condition():
                raise AssertionError(f"{process.name} ended before: {what}\n{process.tail()}")
        time.sleep(pause)
