"""A scene: the whole product on a real Kafka under a steady flow, into which a test injects a fault, and the audit.

    with Scene(tmp_path) as scene:
        scene.go_on()
        scene.kill("settle")
        scene.start("settle")
        scene.audit()

``audit`` holds the store, the logs, the receivers and the processes against every promise of ``tests.guarantees``.
"""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.faults.alerts import check_alerts, undelivered
from tests.faults.books import (
    Books,
    check_equation,
    check_order,
    check_rejections,
    check_rows_fit_offsets,
    read_books,
    read_logs,
    settled,
)
from tests.faults.flow import Flow, Sent
from tests.faults.processes import Process, until
from tests.faults.stage import KafkaStage
from tests.faults.watch import Watch
from tests.faults.webhook import Webhook

PER_SECOND: Final = 40.0
MOST_MEMORY: Final = 700 * 1024 * 1024
"""Resident bytes of a worker: what its parts take is told in docs/operations.md."""


class Scene:
    """Broker, validate, settle, a flow and a webhook; all end with the block."""

    def __init__(
        self,
        folder: Path,
        *,
        per_second: float = PER_SECOND,
        telling_seconds: float = 0.5,
        seed: int = 1,
        cut: bool = False,
        env: Mapping[str, str] | None = None,
        sabotage: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``sabotage``: of the first workers, by role (``tests.faults.sabotage``)."""
        self.webhook = Webhook()
        self.stage = KafkaStage(folder, {"DUALTRACK_WEBHOOK_URL": self.webhook.url, **(env or {})}, cut=cut)
        self.settings = self.stage.settings
        self.watch = Watch(self.settings.database, self.stage.started)
        self.workers: dict[str, Process] = {}
        self.crashes = 0
        """Of settle: after each, an alert that was sent and not noted may be sent again."""
        self.forgotten: dict[tuple[str, int], int] = {}
        """Where a test had the broker delete records: the first offset left, by topic and partition."""
        self._flow = partial(Flow, per_second=per_second, seed=seed, telling_seconds=telling_seconds)
        self._sabotage = dict(sabotage or {})
        self.restarts: list[str] = []
        """Why the supervisor started workers again."""
        self.guard = threading.RLock()
        """Held by whoever replaces workers."""
        self._supervised = False
        self._states: list[tuple[str, Books]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.webhook)
            stack.enter_context(self.stage)
            stack.enter_context(self.watch)
            for role in ("validate", "settle"):
                self.start(role, sabotage=self._sabotage.get(role, ()))
            for worker in self.workers.values():
                worker.await_ready()
            self.flow = stack.enter_context(
                self._flow(self.stage.servers, patience=120, embedded=False, everything=True)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    @property
    def validate(self) -> Process:
        return self.workers["validate"]

    @property
    def settle(self) -> Process:
        return self.workers["settle"]

    @property
    def sent(self) -> Sent:
        return self.flow.sent

    def start(self, role: str, *, sabotage: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Process:
        """Start a worker, in place of the one of that name before: ``settle``, or ``settle-2`` beside it."""
        self.workers[role] = self.stage.worker(role.partition("-")[0], sabotage, env)
        return self.workers[role]

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Inside the block a worker that ends with a fault is started again, as a restart policy does."""
        over = threading.Event()

        def restart() -> None:
            while not over.wait(0.2):
                with self.guard:
                    self._restart_what_ended()

        thread = threading.Thread(target=restart, name="supervisor", daemon=True)
        thread.start()
        self._supervised = True
        try:
            yield
        finally:
            self._supervised = False
            over.set()
            thread.join(10)

    def _restart_what_ended(self) -> None:
        for role, worker in list(self.workers.items()):
            if worker.exit_code not in (None, 0) and not worker.ending:
                self.crashes += role.startswith("settle")
                self.restarts.append(f"{role} ended with {worker.exit_code}")
                self.start(role)

    def kill(self, role: str) -> None:
        """SIGKILL, and a look at the store right after it."""
        self.workers[role].kill()
        self.crashes += role == "settle"
        self.look(f"after kill {len(self._states) + 1} of {role}")

    def look(self, when: str) -> Books:
        """Read the books now; the audit holds them against the logs."""
        books = read_books(self.settings)
        self._states.append((when, books))
        return books

    def settled(self) -> int:
        return settled(self.settings)

    def go_on(self, more: int = 60, seconds: float = 60.0) -> None:
        """Return when that many more inputs have their outcome; fails when a worker ends before."""
        self.await_settled(self.settled() + more, seconds)

    def await_settled(self, wanted: int, seconds: float = 60.0) -> None:
        until(
            lambda: self.settled() >= wanted,
            f"{wanted} inputs have their outcome",
            seconds,
            [] if self._supervised else [worker for worker in self.workers.values() if not worker.ending],
            lambda: f"{self.settled()} of {self.sent.total} published have one.",
            pause=0.2,
        )

    def audit(self, seconds: float = 90.0) -> Books:
        """End the flow, wait for its last outcome, stop the workers, and check every promise."""
        sent = self.flow.end()
        self.await_settled(sent.total, seconds)
        until(
            lambda: undelivered(self.settings) == 0,
            "every alert is delivered",
            30,
            list(self.workers.values()),
            pause=0.2,
        )
        for worker in self.workers.values():
            assert worker.stop(signal.SIGTERM, 45) == 0, worker.tail()
        books, logs = read_books(self.settings), read_logs(self.stage.servers, self.forgotten)
        for when, then in self._states:
            check_rows_fit_offsets(then, logs, when)
        check_equation(books, sent, logs)
        check_order(books, logs)
        check_rejections(books, logs)
        check_alerts(self.settings, sent, self.stage.servers, self.webhook, self.crashes)
        self.check_watch()
        return books

    def check_watch(self) -> None:
        """Memory within its bound, and the lock of the store held by the settle that works, at every look."""
        peaks = {role: f"{peak / 2**20:.0f} MB" for role, peak in self.watch.peaks.items()}
        assert max(self.watch.peaks.values()) < MOST_MEMORY, peaks
        assert self.watch.samples_of_a_held_lock > 0, "nobody was ever seen holding the lock"
        assert not self.watch.unheld, self.watch.unheld[:5]
