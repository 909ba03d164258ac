"""Builds the tools of the flow, the stations and the readers from settings: the one place where all parts meet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dualtrack.settings import Settings
from schemas.faults import TerminalFault

if TYPE_CHECKING:
    import duckdb

    from dualtrack.broker.local import BrokerStatus, LocalBroker
    from dualtrack.loading import LoadReport
    from dualtrack.replay import Rejection
    from pipeline.app import Hooks
    from pipeline.flow import Settled, SettleTools, ValidateTools
    from pipeline.measuring import Telemetry
    from pipeline.settle import SettleParts, SettleStation
    from pipeline.stations import Station
    from pipeline.validate import ValidateStation
    from pipeline.web import HttpConfig
    from publishers.sdk import Publisher
    from schemas.settling import Landed


class OffsetsOfAnotherBroker(TerminalFault):
    """The store goes on from offsets of a broker that this one is not."""


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


def validate_tools() -> "ValidateTools":
    """Knowledge and checks; not yet opened (Great Expectations belongs to the thread that opens it)."""
    from checks.runner import CheckRunner
    from pipeline.flow import ValidateTools
    from pipeline.steps.classify import ClassifyTools
    from pipeline.steps.enrich import EnrichTools

    return ValidateTools(EnrichTools.load(), ClassifyTools.load(), CheckRunner(), utc_now)


def settle_parts(settings: Settings, receivers: tuple[str, ...]) -> "SettleParts":
    """The writer, the predictions and who is told; nothing is opened yet. ``receivers`` are told by rules that name
    nobody. Raises BrokenDefinition, BrokenRules, RegistryError."""
    from dualtrack.alerting import receivers_of, rules_of
    from pipeline.flow import SettleTools
    from pipeline.settle import SettleParts
    from pipeline.story_conflicts import conflicts_of_batch
    from pipeline.telling import Teller
    from predictions.evaluate import PredictionEngine
    from predictions.load import load_sets
    from sinks.duckdb_sink import DuckDBSink

    settings.make_home()
    sink = DuckDBSink(settings.database, utc_now, reference_tables(), settings.duckdb_memory)
    definitions = load_sets(settings.definition_sets)
    rules = rules_of(settings)
    tools = SettleTools(
        sink, PredictionEngine(definitions), Teller(receivers, rules, definitions, conflicts_of_batch), utc_now
    )
    return SettleParts(sink, tools, receivers_of(settings, rules), settings.snapshot, definitions)


def reference_tables() -> dict[str, list[dict[str, Any]]]:
    """Rows of the reference tables by their name in DuckDB; organisations carry their topmost parent as ``root``."""
    from registry.loader import load_organisations, load_reference_tables

    registry = load_organisations()
    organisations = [{**org.model_dump(mode="json"), "root": registry.root(org.id)} for org in registry.by_id.values()]
    tables = {f"ref_{name}": [dict(row) for row in table.rows] for name, table in load_reference_tables().items()}
    return {"ref_organisations": organisations, **tables}


def validate_station(settings: Settings, telemetry: "Telemetry | None" = None) -> "ValidateStation":
    """The worker that reads the raw topics."""
    from pipeline.limits import RejectLimit, RejectLimitConfig
    from pipeline.validate import ValidateStation

    limit = RejectLimitConfig(
        settings.reject_limit_share, settings.reject_limit_per_minute, settings.reject_limit_window
    )
    return ValidateStation(validate_tools, telemetry, RejectLimit(limit))


def settle_station(
    settings: Settings,
    on_settled: "Callable[[Settled], None] | None" = None,
    telemetry: "Telemetry | None" = None,
) -> "SettleStation":
    """The worker that writes DuckDB."""
    from pipeline.settle import SettleStation

    return SettleStation(
        lambda: settle_parts(settings, settings.receivers()), on_settled or (lambda _: None), telemetry=telemetry
    )


def run_stations(
    settings: Settings,
    stations: "Sequence[Station]",
    *,
    bootstrap_servers: str | None = None,
    embedded: bool = False,
    hooks: "Hooks | None" = None,
    telemetry: "Telemetry | None" = None,
    http: "HttpConfig | None" = None,
) -> int:
    """Run workers until they are told to stop; returns the exit code."""
    from dualtrack.alerting import check_rules_of
    from dualtrack.definitions import check_definitions
    from pipeline.app import KafkaConfig, run_workers
    from pipeline.credentials import faust_credentials
    from pipeline.fetching import ReadConfig

    settings.make_home()
    # A broken definition or rule stops the start here, before anything connects or joins a group.
    check_definitions(settings.definition_sets)
    if settings.alert_rules is not None:
        check_rules_of(settings)
    servers = bootstrap_servers or settings.bootstrap_servers()
    if servers is None:
        raise TerminalFault("no Kafka is configured: set DUALTRACK_KAFKA=host:port")
    # A broker that the caller started is not the one that the settings secure.
    secured = bootstrap_servers is None
    config = KafkaConfig(
        bootstrap_servers=servers,
        data_dir=settings.home / "faust",
        embedded=embedded or settings.uses_embedded(),
        session_timeout_seconds=settings.session_timeout_s,
        heartbeat_seconds=settings.session_timeout_s / 3,
        security=settings.librdkafka() if secured else {},
        credentials=faust_credentials(settings.kafka_python()) if secured else None,
        reading=ReadConfig(stall_seconds=settings.stall_s, accept_log_gap=settings.accept_log_gap),
        http=http,
    )
    return run_workers(stations, config, hooks, telemetry)


@dataclass(frozen=True, slots=True)
class WritingTools:
    """The whole flow in this process, on the store that it holds."""

    validate: "ValidateTools"
    settle: "SettleTools"

    def load(self, paths: Sequence[Path], on_progress: Callable[[int], None] = lambda _: None) -> "LoadReport":
        """Load files; see ``dualtrack.loading``."""
        from dualtrack.loading import load_files

        return load_files(paths, self.validate, self.settle, on_progress)

    def replay(self, rejections: "Sequence[Rejection]") -> "Landed":
        """Replay rejections here; see ``dualtrack.replay``."""
        from dualtrack.replay import replay_here

        return replay_here(rejections, self.validate, self.settle)


@contextmanager
def writing(settings: Settings) -> Iterator[WritingTools]:
    """Hold the store for one command; afterwards alerts are delivered and the snapshot is renewed.

    Raises StoreLocked when a worker has it.
    """
    from sinks.alerts import deliver_due

    # The topic has no broker here; a worker delivers what is meant for it when it runs next.
    parts = settle_parts(settings, settings.receivers())
    parts.open()
    try:
        validate = validate_tools()
        validate.checks.open()
        try:
            yield WritingTools(validate, parts.tools)
        finally:
            deliver_due(parts.sink, utc_now(), parts.receivers)
            parts.sink.snapshot(parts.snapshot)
    finally:
        parts.sink.close()


@contextmanager
def reading(settings: Settings) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A read-only connection: to the file where nobody writes, else to its snapshot. Raises NothingToRead."""
    from sinks.reading import open_for_reading

    connection = open_for_reading(settings.database, settings.snapshot)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def publisher(settings: Settings, source: str = "dualtrack-publish") -> "Iterator[Publisher]":
    """A publisher on the configured or running broker; raises PublishError where there is none."""
    from publishers.sdk import Publisher, PublishError

    servers = settings.bootstrap_servers()
    if servers is None:
        raise PublishError(
            "no Kafka is configured: set DUALTRACK_KAFKA=host:port, or start `dualtrack up --embedded`; "
            "`dualtrack load FILE` needs no broker"
        )
    check_let_in(settings, servers)
    with Publisher(servers, source, embedded=settings.uses_embedded(), options=settings.kafka_python()) as sending:
        yield sending


def topics_on_broker(
    bootstrap_servers: str, timeout_s: float, security: Mapping[str, str] | None = None
) -> set[str] | None:
    """Names of the topics on a broker; None when none answers in time. Raises BrokerRefused.

    ``security`` is what ``Settings.librdkafka`` returns.
    """
    from pipeline.reaching import topics_of
    from schemas.faults import BrokerUnreachable

    try:
        return topics_of(bootstrap_servers, security or {}, timeout_s)
    except BrokerUnreachable:
        return None


def check_let_in(settings: Settings, bootstrap_servers: str) -> None:
    """Raise BrokerRefused where TLS or SASL fails: kafka-python would try until its time is over, and not say why."""
    security = settings.librdkafka()
    if security:
        topics_on_broker(bootstrap_servers, 8.0, security)


def local_broker(settings: Settings) -> "LocalBroker":
    """The real Kafka of this home; not started."""
    from dualtrack.broker.local import LocalBroker

    return LocalBroker(settings.local_broker_folder, settings.cache.expanduser())


def start_local_broker(settings: Settings, port: int) -> "BrokerStatus":
    """Start the real Kafka of this home and declare its topics; a running one is left as it is."""
    from dualtrack.broker.local import BrokerNotStarted
    from dualtrack.topics import apply_topics

    settings.make_home()
    status = local_broker(settings).start(port, lambda address: topics_on_broker(address, timeout_s=2.0) is not None)
    if status.bootstrap_servers is None:
        raise BrokerNotStarted(f"Kafka ended as soon as it was up; see {status.log}")
    apply_topics(status.bootstrap_servers)
    return status


def refuse_foreign_offsets(settings: Settings) -> None:
    """Raise where the store holds offsets of a broker: a try-out broker begins anew, and its offsets with it."""
    if not settings.database.exists():
        return
    with reading(settings) as connection:
        rows = connection.execute("SELECT count(*) FROM offsets WHERE topic NOT LIKE 'file:%'").fetchall()
    if rows[0][0]:
        raise OffsetsOfAnotherBroker(
            f"{settings.database} holds offsets of another broker, and the try-out broker begins anew: "
            "choose an empty folder with --home"
        )
