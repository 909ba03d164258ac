"""From stations to running workers: builds the Faust apps, looks for the broker first, runs them until told to stop."""

import asyncio
import io
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import faust
import mode
from yarl import URL

from pipeline.activity import Phase
from pipeline.agents import RetryConfig, StationService, register
from pipeline.delivery import ProducerConfig
from pipeline.fetching import ReadConfig
from pipeline.health import Limits, judge, samples
from pipeline.measuring import Telemetry
from pipeline.reaching import quiet_client, topics_of
from pipeline.stations import Station
from pipeline.transport import RecordBatchTransport
from pipeline.watchdog import Watchdog, Watched
from pipeline.web import HttpConfig, WorkerWeb
from schemas.faults import BrokerUnreachable, TopicsMissing

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
"""How often the event loop says that it turns."""


@dataclass(frozen=True)
class KafkaConfig:
    """How workers reach Kafka and behave on it."""

    bootstrap_servers: str
    """``host:port``, several separated by commas."""

    data_dir: Path
    """Where Faust keeps its own files; one folder per app is made in it."""

    embedded: bool = False
    """The broker is the embedded one: topics appear on first use, and nothing else is taken for granted."""

    group_prefix: str = "dualtrack"
    """A worker's app and consumer group are ``<prefix>-<station>``."""

    session_timeout_seconds: float = 10.0
    """How long the group waits for a member that died before its partitions go to another."""

    heartbeat_seconds: float = 3.0
    """How often a member says that it lives; at most a third of the session."""

    commit_seconds: float = 1.0
    """How often the acked offsets are committed."""

    tick_seconds: float = 1.0
    """How often a station's tick is called when no batch comes."""

    reach_seconds: float = 10.0
    """How long to look for the broker before giving up."""

    stop_grace_seconds: float = 30.0
    """How long a running batch may take to come to its end when the worker is stopped."""

    end_grace_seconds: float = 15.0
    """A worker that was told to end is ended by force when it takes so much longer than it may."""

    http: HttpConfig | None = None
    """Where /metrics, /health and /ready are served; None for nowhere."""

    compression: str | None = None
    """Of what the workers write: ``lz4``, ``zstd``, ``gzip``, ``snappy`` or none."""

    reading: ReadConfig = field(default_factory=ReadConfig)
    """How batches are read. ``stored_offsets`` and ``finish_seconds`` are filled in."""

    retry: RetryConfig = field(default_factory=RetryConfig)
    """How transient faults are retried."""

    security: Mapping[str, str] = field(default_factory=dict)
    """TLS and SASL for what librdkafka does (writing, looking for the broker): its settings, as they are."""

    credentials: Any = None
    """TLS and SASL for reading: what Faust takes as ``broker_credentials`` (an SSL context, faust.SASLCredentials)."""

    @property
    def limits(self) -> Limits:
        """How long something may take before /health is red, and before the worker ends."""
        return Limits(self.reading.stall_seconds, self.stop_grace_seconds, self.end_grace_seconds)


@dataclass(frozen=True)
class Hooks:
    """What the caller wants to be told, and how it asks for the end."""

    on_ready: Callable[[], None] = lambda: None
    """Called once, in the event loop, when every worker has its partitions and its position in them."""

    stop: threading.Event | None = None
    """Once set, by any thread, the workers stop as on SIGTERM."""


class WorkerApp(faust.App):
    """A Faust app that starts its station first and stops it last."""

    station_service: StationService

    def on_init_dependencies(self) -> Iterable[mode.ServiceT]:
        """The station before everything else: services are stopped in the opposite order."""
        return chain([self.station_service], super().on_init_dependencies())


def create_app(station: Station, config: KafkaConfig, telemetry: Telemetry | None = None) -> WorkerApp:
    """The Faust app of one station. Needs no entry point: the transport is set, not looked up."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    app = WorkerApp(
        f"{config.group_prefix}-{station.name}",
        broker=[URL(f"dualtrack://{server.strip()}") for server in config.bootstrap_servers.split(",")],
        broker_credentials=config.credentials,
        broker_session_timeout=config.session_timeout_seconds,
        broker_heartbeat_interval=config.heartbeat_seconds,
        broker_commit_interval=config.commit_seconds,
        consumer_auto_offset_reset="earliest",
        datadir=config.data_dir / f"{config.group_prefix}-{station.name}",
        autodiscover=False,
        store="memory://",
        stream_buffer_maxsize=1,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    producer = ProducerConfig(config.bootstrap_servers, compression=config.compression, security=config.security)
    service = StationService(station, producer, config.retry, config.stop_grace_seconds, telemetry)
    app.station_service = service
    reading = replace(config.reading, stored_offsets=service.stored_offsets, finish_seconds=config.stop_grace_seconds)
    app.transport = RecordBatchTransport(app.conf.broker_consumer, app, reading, service.activity)
    app.producer_transport = app.transport
    register(app, service, config.tick_seconds)
    return app


def run_workers(
    stations: Sequence[Station], config: KafkaConfig, hooks: Hooks | None = None, telemetry: Telemetry | None = None
) -> int:
    """Run workers for these stations in one event loop until SIGTERM, SIGINT or a fault; returns the exit code.

    Raises BrokerUnreachable, BrokerRefused, TopicsMissing or PortTaken before anything is started.
    """
    telemetry = telemetry or Telemetry()
    topics = sorted({topic for station in stations for topic in station.topics})
    check_broker(config, topics)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        worker = _Worker(
            [create_app(station, config, telemetry) for station in stations], hooks or Hooks(), loop, config
        )
        with worker.watched(telemetry):
            worker.execute_from_commandline()
    except SystemExit as end:
        # Whatever mode makes of a fault (71 for a MemoryError), the command promises 1.
        return 1 if end.code else 0
    finally:
        asyncio.set_event_loop(None)


def check_broker(config: KafkaConfig, topics: Sequence[str]) -> None:
    """Raise unless a broker answers in time and has these topics. The embedded broker is made to have them."""
    try:
        present = topics_of(config.bootstrap_servers, config.security, config.reach_seconds)
    except BrokerUnreachable as fault:
        raise BrokerUnreachable(
            f"{fault}. Start one (`dualtrack broker start`), name another in DUALTRACK_KAFKA, or try things out with "
            "`dualtrack up --embedded`."
        ) from None
    missing = [topic for topic in topics if topic not in present]
    if missing and config.embedded:
        client, _ = quiet_client(config.bootstrap_servers, config.security)
        for topic in missing:
            client.list_topics(topic, timeout=config.reach_seconds)
    elif missing:
        raise TopicsMissing(
            f"The broker at {config.bootstrap_servers} has no topic {', '.join(missing)}. Workers create none: "
            "declare them with `dualtrack topics apply`."
        )


class _Worker(mode.Worker):
    """Runs apps. Leaves logging, stdout and other signals to the caller, and runs outside the main thread too."""

    def __init__(
        self, apps: Sequence[WorkerApp], hooks: Hooks, loop: asyncio.AbstractEventLoop, config: KafkaConfig
    ) -> None:
        # mode prints the traceback that it has logged before; a log for programs has no room for that.
        nowhere = io.StringIO()
        super().__init__(*apps, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True, stderr=nowhere)
        self._hooks = hooks
        self._apps = apps
        self._http = config.http
        self._limits = config.limits
        self._watchdog = Watchdog(
            [Watched(app.station_service.activity, _crasher(app)) for app in apps], loop, self._limits
        )
        self._starting = len(apps)
        for app in apps:
            app.in_worker = True
            app.on_startup_finished = self._app_ready

    @contextmanager
    def watched(self, telemetry: Telemetry) -> Iterator[None]:
        """While the worker runs, it answers over HTTP and the watchdog looks at it."""
        activities = [app.station_service.activity for app in self._apps]
        for activity in activities:
            telemetry.ask(partial(samples, activity, self._limits))
        web = self._http and WorkerWeb(
            self._http, telemetry, lambda: [judge(activity, self._limits) for activity in activities]
        )
        try:
            if web:
                web.start()
            self._watchdog.start()
            yield
        finally:
            self._watchdog.stop()
            if web:
                web.stop()

    async def on_start(self) -> None:
        """Start the apps side by side: each waits seconds for its group, and a standby for its lock."""
        self.add_future(self._beat())
        self.add_future(self._watch_stop())
        await asyncio.gather(*(app.maybe_start() for app in self._apps))

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT only; Faust would also open a debugger on SIGUSR2."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.loop.add_signal_handler(number, self._schedule_shutdown, number)
                # Python calls this one also while the event loop does not turn; the loop's own is called beside it.
                signal.signal(number, self._note_end)
                signal.siginterrupt(number, False)

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        self._note_end()
        super()._schedule_shutdown(signal)

    def _note_end(self, *_: object) -> None:
        self._watchdog.ends_within(self._limits.stop_seconds)
        for app in self._apps:
            app.station_service.activity.enter(Phase.STOPPING)

    def on_worker_shutdown(self) -> None:
        """However it came to this, from here on it is about ending."""
        self._note_end()

    async def _beat(self) -> None:
        while not self.should_stop:
            for app in self._apps:
                app.station_service.activity.turned()
            await self.sleep(BEAT_SECONDS)

    async def _watch_stop(self) -> None:
        while self._hooks.stop is not None and not self.should_stop:
            if self._hooks.stop.is_set():
                self._schedule_shutdown(signal.SIGTERM)
                return
            await self.sleep(0.1)

    async def _sentinel_task(self) -> None:
        """Nothing: mode waits a second here before it closes the loop."""

    async def _app_ready(self) -> None:
        self._starting -= 1
        if self._starting == 0:
            logger.info("All workers are ready")
            self._hooks.on_ready()


def _crasher(app: WorkerApp) -> Callable[[Exception], None]:
    def crash(fault: Exception) -> None:
        app.add_future(app.crash(fault))

    return crash
