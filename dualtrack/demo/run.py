"""Runs the demo: a broker, two workers, a publisher, about 200 real events and some deliberately bad ones."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from dualtrack.broker.embedded import EmbeddedBroker
from dualtrack.settings import Settings
from dualtrack.tools import reading, run_stations, settle_station, validate_station
from pipeline.app import Hooks
from publishers.sdk import EventRefused, Publisher
from publishers.sources.bad_inputs import BAD_INPUTS, ODD_INPUTS
from schemas.faults import TerminalFault
from schemas.settling import Landed
from schemas.topics import ALL_TOPICS
from sinks.driver_faults import translated

SEED: Final = Path(__file__).parents[2] / "publishers" / "sources" / "seed"
MARKER: Final = "made-by-dualtrack-demo"
LONGEST_SECONDS: Final = 120.0


class HomeInUse(TerminalFault):
    """The home holds data that is not the demo's own."""


class DemoStuck(TerminalFault):
    """Not every input had its outcome in time."""


@dataclass
class Progress:
    """How far the demo is; read by the display while the workers run."""

    seed_events: int
    published: int = 0
    refused_by_publisher: list[str] = field(default_factory=list)
    settled: Landed = field(default_factory=Landed)
    seconds: float = 0.0

    @property
    def outcomes(self) -> int:
        """Inputs that have their outcome."""
        return self.settled.landed + self.settled.duplicate + self.settled.rejected


OnStep = Callable[[str, Progress], None]


def seed_events() -> Iterator[dict[str, Any]]:
    """The demo's real events, in the order of what the publishers learnt when."""
    events = [
        json.loads(line) for file in sorted(SEED.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()
    ]
    yield from sorted(events, key=lambda event: (str(event["time"]), event["id"]))


def run_demo(settings: Settings, on_step: OnStep) -> Progress:
    """Run it; returns when every input has its outcome and the workers have stopped.

    Raises HomeInUse, DemoStuck, or the fault that stopped a worker.
    """
    started = time.monotonic()
    _clear_home(settings)
    events = list(seed_events())
    progress = Progress(len(events))
    on_step("starting an embedded Kafka broker and two Faust workers", progress)
    with EmbeddedBroker(i_know_it_forgets=True) as broker:
        broker.create_topics(ALL_TOPICS)
        workers = _Workers(settings, broker.bootstrap_servers, progress)
        workers.start()
        patience: float | None = None
        try:
            workers.await_ready()
            on_step("publishing to the raw topics with kafka-python", progress)
            _publish(broker.bootstrap_servers, events, progress)
            on_step("Faust: validate and settle", progress)
            while progress.outcomes < progress.published:
                workers.check(started)
                time.sleep(0.05)
                on_step("Faust: validate and settle", progress)
        except KeyboardInterrupt:
            patience = 3.0
            raise
        finally:
            workers.stop(patience)
    _mark(settings, progress.outcomes)
    progress.seconds = time.monotonic() - started
    return progress


class _Workers:
    """validate and settle in one event loop, in a thread of their own."""

    def __init__(self, settings: Settings, bootstrap_servers: str, progress: Progress) -> None:
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._outcome: int | BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(settings, bootstrap_servers, progress), name="demo-workers"
        )

    def start(self) -> None:
        self._thread.start()

    def await_ready(self) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS / 2
        while not self._ready.wait(0.1):
            if time.monotonic() > deadline:
                raise DemoStuck("the workers did not get ready in time; see `dualtrack doctor`")
            self._raise_if_ended()

    def check(self, started: float) -> None:
        self._raise_if_ended()
        if time.monotonic() - started > LONGEST_SECONDS:
            raise DemoStuck(f"not every input had its outcome after {LONGEST_SECONDS:.0f} s; see `dualtrack doctor`")

    def stop(self, longest_seconds: float | None) -> None:
        self._stop.set()
        self._thread.join(longest_seconds)

    def _run(self, settings: Settings, bootstrap_servers: str, progress: Progress) -> None:
        def on_settled(settled: Any) -> None:
            progress.settled += settled.landed

        try:
            self._outcome = run_stations(
                settings,
                [validate_station(settings), settle_station(settings, on_settled)],
                bootstrap_servers=bootstrap_servers,
                embedded=True,
                hooks=Hooks(on_ready=self._ready.set, stop=self._stop),
            )
        # Kept for the main thread, which raises it: a thread's own traceback would be printed and lost.
        except BaseException as error:
            self._outcome = error

    def _raise_if_ended(self) -> None:
        if self._thread.is_alive():
            return
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        raise DemoStuck(f"the workers ended early with exit code {self._outcome}; the log above says why")


def _publish(bootstrap_servers: str, events: list[dict[str, Any]], progress: Progress) -> None:
    logging.getLogger("kafka").setLevel(logging.ERROR)
    with Publisher(bootstrap_servers, "seed", embedded=True) as publisher:
        for event in events:
            publisher.send_structured(event)
            progress.published += 1
        publisher.flush()
        for item in (*BAD_INPUTS, *ODD_INPUTS):
            try:
                publisher.send_raw(item.topic, item.value, key=item.key, headers=item.headers)
                progress.published += 1
            except EventRefused as refused:
                progress.refused_by_publisher.append(str(refused))


def _clear_home(settings: Settings) -> None:
    """Begin with an empty store, but never touch data that is not the demo's own."""
    settings.home.mkdir(parents=True, exist_ok=True)
    marker = settings.home / MARKER
    present = [path for path in (settings.database, settings.snapshot) if path.exists()]
    if present:
        if not marker.exists() or _has_other_data(settings, marker):
            raise HomeInUse(
                f"{present[0]} holds data that is not the demo's, which begins with an empty store: "
                "run it elsewhere with `dualtrack --home /tmp/dualtrack-demo demo`"
            )
        for path in (settings.database, settings.snapshot, settings.alerts_file):
            for name in (path, path.with_name(path.name + ".wal")):
                name.unlink(missing_ok=True)
    _mark(settings, None)


def _has_other_data(settings: Settings, marker: Path) -> bool:
    """Was something loaded or published since the demo? Raises StoreLocked while another process has the store."""
    if settings.database.exists():
        # ``reading`` would make do with the snapshot, and the file below a running worker would be deleted.
        with translated(settings.database):
            duckdb.connect(str(settings.database), read_only=True).close()
    with reading(settings) as connection:
        rows = connection.execute(
            "SELECT count(*), count(*) FILTER (topic NOT LIKE 'signals.%') FROM outcomes"
        ).fetchall()
    inputs, foreign = rows[0]
    noted = marker.read_text(encoding="utf-8").splitlines()[:1]
    of_the_demo = int(noted[0]) if noted and noted[0].isdigit() else None
    return bool(foreign) or (of_the_demo is not None and inputs != of_the_demo)


def _mark(settings: Settings, inputs: int | None) -> None:
    """Note that this home is the demo's, and with how many inputs it ended."""
    noted = "" if inputs is None else f"{inputs}\n"
    text = f"{noted}This folder's database is the demo's; the next demo replaces it.\n"
    (settings.home / MARKER).write_text(text, encoding="utf-8")
