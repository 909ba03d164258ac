"""Where a fault test plays: a home, a broker in a process of its own, and the processes of the test."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from dualtrack.broker.local import LocalBroker
from dualtrack.settings import BROKER_FILE, Settings
from dualtrack.tools import topics_on_broker
from dualtrack.topics import apply_topics
from schemas.topics import ALL_TOPICS
from tests.faults.processes import Process, until
from tests.faults.wire import Wire, free_port

DUALTRACK: Final = Path(sys.executable).with_name("dualtrack")
SESSION_SECONDS: Final = 4.0
"""The embedded broker takes 3 s to form a group; a shorter session is over before that."""
KAFKA_SESSION_SECONDS: Final = 6.0


class Stage:
    """A home, an embedded broker in a process of its own, and the processes of a test; all are killed at the end."""

    def __init__(self, folder: Path, *, with_broker: bool = True) -> None:
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.settings = Settings(home=self.home, session_timeout_s=SESSION_SECONDS)
        self._folder = folder
        self._with_broker = with_broker
        self.started: list[Process] = []
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
        self._env |= {"DUALTRACK_SESSION_TIMEOUT_S": str(SESSION_SECONDS), "PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Self:
        if self._with_broker:
            try:
                self._start_broker()
            except BaseException:
                self._kill_all()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._kill_all()

    @property
    def servers(self) -> str:
        return (self.home / BROKER_FILE).read_text()

    def run(
        self, *arguments: str | Path, sabotage: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> Process:
        """``dualtrack --home <home> <arguments>`` as a process, sabotaged where asked (``tests.faults.sabotage``)."""
        command = [sys.executable, "-m", "tests.faults.sabotage", *sabotage, "--"] if sabotage else [DUALTRACK]
        return self._start("-".join(map(str, arguments)), [*command, "--home", self.home, *arguments], env)

    def worker(self, role: str, sabotage: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Process:
        return self.run("worker", role, sabotage=sabotage, env=env)

    def tails(self) -> str:
        return "\n".join(process.tail() for process in self.started[-4:])

    def _start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Process:
        name = f"{len(self.started):02d}-{name.replace('/', '_')}"
        process = Process(name, command, self._folder / f"{name}.log", {**self._env, **(env or {})})
        self.started.append(process)
        return process

    def _start_broker(self) -> None:
        topics = [word for topic in ALL_TOPICS for word in ("--topic", topic)]
        command = [sys.executable, "-m", "dualtrack.broker.embedded", "--i-know-it-forgets"]
        broker = self._start("broker", [*command, "--port-file", self.home / BROKER_FILE, *topics])
        until((self.home / BROKER_FILE).exists, "the broker listens", 20, [broker])

    def _kill_all(self) -> None:
        for process in reversed(self.started):
            if process.exit_code is None:
                process.kill()


class KafkaStage(Stage):
    """The same on a real Apache Kafka of its own, at a fixed address; workers may reach it through another one."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None, *, cut: bool = False) -> None:
        """``cut``: the workers reach the broker through a wire that can be cut (``self.wire``)."""
        super().__init__(folder)
        self.settings = Settings(home=self.home, session_timeout_s=KAFKA_SESSION_SECONDS)
        self.port = free_port()
        self.wire = Wire(free_port()) if cut else None
        self._env |= {"DUALTRACK_SESSION_TIMEOUT_S": str(KAFKA_SESSION_SECONDS), "DUALTRACK_KAFKA": self.servers}
        if self.wire:
            self._env["DUALTRACK_KAFKA"] = f"127.0.0.1:{self.wire.port}"
        self._env |= env or {}

    @property
    def servers(self) -> str:
        """For the test itself: never through the wire."""
        return f"127.0.0.1:{self.port}"

    @property
    def broker_pid(self) -> int:
        pid = self._broker.status().pid
        assert pid, "the broker does not run"
        return pid

    def kill_broker(self) -> None:
        """SIGKILL; returns when it is gone."""
        process = psutil.Process(self.broker_pid)
        process.kill()
        process.wait(10)

    def stop_broker(self) -> None:
        self._broker.stop()

    def start_broker(self) -> None:
        """Start it again, at the same address."""
        self._broker.start(self.port, lambda address: topics_on_broker(address, timeout_s=2.0) is not None)

    def _start_broker(self) -> None:
        overrides = {"group.min.session.timeout.ms": "1000"}
        if self.wire:
            overrides |= self.wire.listener(self.port)
        self._broker = LocalBroker(self._folder / "kafka", self.settings.cache.expanduser(), overrides)
        self.start_broker()
        apply_topics(self.servers)
        if self.wire:
            self.wire.start()

    def _kill_all(self) -> None:
        super()._kill_all()
        if self.wire:
            self.wire.stop()
        if self._broker.status().running:
            self.kill_broker()
