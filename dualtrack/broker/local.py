"""A real single-node Apache Kafka without Docker: KRaft mode, data under the home, a process of its own.

It keeps everything on disk and survives restarts, unlike the embedded broker. Listens on 127.0.0.1 only.
"""

import os
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from dualtrack.broker.java import fetch_kafka, find_java, kafka_version
from schemas.faults import TerminalFault

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
_HEAP: Final = "512m"

_PROPERTIES: Final = """\
# Written by `dualtrack broker start`.
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{more}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class BrokerNotStarted(TerminalFault):
    """Kafka did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What is known of the broker under a home."""

    running: bool
    pid: int | None
    bootstrap_servers: str | None
    version: str
    data: Path
    log: Path


class LocalBroker:
    """The Kafka of one home. Safe to start twice: a running one is found by its process."""

    def __init__(
        self, folder: Path, cache: Path, overrides: Mapping[str, str] | None = None, listeners: Sequence[str] = ()
    ) -> None:
        """``overrides`` are settings of Kafka (``server.properties``) on top of ours.

        ``listeners`` stand beside the plaintext one on loopback: ``SASL_SSL://127.0.0.1:9094``.
        """
        self._overrides = dict(overrides or {})
        self._listeners = tuple(listeners)
        self._folder = folder.absolute()
        self._cache = cache
        self._properties = self._folder / "server.properties"
        self._pid_file = self._folder / "kafka.pid"
        self._address_file = self._folder / "address"
        self._log = self._folder / "kafka.log"

    def status(self) -> BrokerStatus:
        """Is it running, and where?"""
        pid = self._pid()
        address = self._address_file.read_text().strip() if pid and self._address_file.is_file() else None
        return BrokerStatus(pid is not None, pid, address, kafka_version(), self._folder / "data", self._log)

    def start(self, port: int, answers: Callable[[str], bool]) -> BrokerStatus:
        """Start it and wait until it answers; a running one is left as it is.

        Args:
            port: where to listen on 127.0.0.1; 0 takes a free one.
            answers: tells whether a Kafka answers at an address.

        Raises NoJava, KafkaNotFetched, BrokerNotStarted.
        """
        if self._pid() is not None:
            return self.status()
        java, jars = find_java(), fetch_kafka(self._cache)
        port = port or _free_port()
        self._refuse_taken(port)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configure(java, jars, port)
        process = self._spawn(java, jars)
        address = f"127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise BrokerNotStarted(f"Kafka did not come up; the end of {self._log}:\n{self._log_tail()}")
            time.sleep(0.2)
        self._address_file.write_text(address)
        return self.status()

    def stop(self) -> bool:
        """Stop it, by force after 30 s; returns whether one was running."""
        pid = self._pid()
        self._address_file.unlink(missing_ok=True)
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._pid() is not None:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.1)
        self._pid_file.unlink(missing_ok=True)
        return True

    def _configure(self, java: str, jars: Path, port: int) -> None:
        data = self._folder / "data"
        more = "".join(f",{listener}" for listener in self._listeners)
        text = _PROPERTIES.format(port=port, controller_port=_free_port(), data=data, more=more)
        # In Java's properties the last line of a name counts.
        own = "".join(f"{name}={value}\n" for name, value in self._overrides.items())
        self._properties.write_text(text + own)
        if (data / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # In one word: one id in 64 begins with a hyphen, and would be taken for an option.
        command = [java, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
        done = subprocess.run([*command, "-c", self._properties], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerNotStarted(f"Kafka could not format {data}: {(done.stdout + done.stderr)[-500:]}")

    def _spawn(self, java: str, jars: Path) -> subprocess.Popen[bytes]:
        command = [java, f"-Xmx{_HEAP}", "-cp", f"{jars}/*", "kafka.Kafka", str(self._properties)]
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal that started it must not end it.
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._pid_file.write_text(str(process.pid))
        return process

    def _pid(self) -> int | None:
        """The process, if it is alive and really is this broker: a number in a file may be somebody else by now."""
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            ours = str(self._properties) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            return None
        return process.pid if ours else None

    def _refuse_taken(self, port: int) -> None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise BrokerNotStarted(f"something listens on 127.0.0.1:{port} already: choose another with --port")

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-15:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
