"""``dualtrack up`` and ``dualtrack worker``: the processes that move events, until Ctrl-C."""

import logging
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrack.cli.output import again, console, examples, fail, settings_of

if TYPE_CHECKING:
    from dualtrack.settings import Settings
    from pipeline.flow import Settled

logger = logging.getLogger(__name__)


class Role(StrEnum):
    """What a worker does."""

    VALIDATE = "validate"
    SETTLE = "settle"


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command(
        epilog=examples(
            ("DUALTRACK_KAFKA=localhost:9092 dualtrack up", "workers on your Kafka"),
            ("dualtrack up", "with its own (Java 17+, Maven)"),
            ("dualtrack up --embedded", "with a try-out broker"),
        )
    )(up)
    root.command(
        epilog=examples(
            "DUALTRACK_KAFKA=kafka:9092 dualtrack worker validate",
            "DUALTRACK_KAFKA=kafka:9092 dualtrack worker settle",
        )
    )(worker)


def up(
    context: typer.Context,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start a try-out broker, which keeps 5 MB a partition and forgets all.")
    ] = False,
) -> None:
    """Run validate and settle in one process until Ctrl-C; what has landed stays, what has not comes again."""
    from dualtrack.running import UP, run_logged, run_role

    settings = settings_of(context)
    if embedded:
        raise typer.Exit(run_logged(settings, UP, lambda: _up_embedded(settings)))
    if settings.bootstrap_servers() is None:
        raise typer.Exit(run_logged(settings, UP, lambda: _up_with_own_kafka(settings)))
    raise typer.Exit(run_logged(settings, UP, lambda: run_role(settings, UP, _log_outcomes)))


def worker(
    context: typer.Context,
    role: Annotated[Role, typer.Argument(help="validate scales out; settle is one writer, others stand by.")],
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning",
            help="validate only, while no other runs: read every raw topic again. What settle has, it drops.",
        ),
    ] = False,
    accept_log_gap: Annotated[
        bool,
        typer.Option(
            "--accept-log-gap",
            help="Go on where Kafka no longer has the next record to read, instead of stopping. For one start.",
        ),
    ] = False,
) -> None:
    """Run one worker until Ctrl-C or SIGTERM. Exit code 1 says that a fault stopped it: start it again.

    It answers at http://127.0.0.1:9471 (validate) or :9472 (settle) with /health, /ready and /metrics.
    """
    from dualtrack.running import run_logged, run_role

    settings = settings_of(context)
    if accept_log_gap:
        settings = settings.model_copy(update={"accept_log_gap": True})
    _need_broker(settings)
    if from_beginning and role != Role.VALIDATE:
        raise fail("--from-beginning is for validate; settle goes on from the offsets in its store", 2)

    def run() -> int:
        if from_beginning:
            _reset_validate(settings)
        return run_role(settings, role)

    raise typer.Exit(run_logged(settings, role, run))


def _reset_validate(settings: "Settings") -> None:
    from dualtrack.group_reset import reset_to_beginning
    from pipeline.reaching import topics_of
    from schemas.topics import VALIDATE_READS

    servers = str(settings.bootstrap_servers())
    topics_of(servers, settings.librdkafka(), 10.0)  # says best what is wrong with the broker
    records = reset_to_beginning(servers, settings.librdkafka(), "dualtrack-validate", VALIDATE_READS)
    logger.info("validate reads %d records from the beginning", records)


def _need_broker(settings: "Settings") -> None:
    if settings.bootstrap_servers() is None:
        raise fail(
            "no Kafka is configured. Set DUALTRACK_KAFKA=host:port, or start one with `dualtrack broker start`, "
            "or try things out with `dualtrack up --embedded`",
            2,
        )


def _up_with_own_kafka(settings: "Settings") -> int:
    """Nothing is configured: start the real Kafka of this home, and stop it at the end; its data stays."""
    from dualtrack.broker.java import KafkaNotFetched, NoJava
    from dualtrack.running import UP, run_role
    from dualtrack.tools import local_broker, start_local_broker

    _end_on_sigterm()
    try:
        status = start_local_broker(settings, port=0)
        _tell_broker(settings, str(status.bootstrap_servers))
        return run_role(settings, UP, _log_outcomes)
    except (NoJava, KafkaNotFetched) as fault:
        raise fail(
            f"no Kafka is configured, and none can be started here: {fault}. Set DUALTRACK_KAFKA=host:port, or try "
            "things out with `dualtrack up --embedded`",
            2,
        ) from None
    finally:
        local_broker(settings).stop()


def _end_on_sigterm() -> None:
    """Until the workers take signals over, SIGTERM ends this as Ctrl-C does, and leaves nothing behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _tell_broker(settings: "Settings", address: str) -> None:
    publish = again(settings, "publish FILE")
    told = f"broker at {address}; in another terminal: {publish}. Ctrl-C ends it"
    if settings.log == "json":
        logger.info("%s", told)
        return
    console(stderr=True).print(told, markup=False, soft_wrap=True)


def _up_embedded(settings: "Settings") -> int:
    from dualtrack.broker.embedded import EmbeddedBroker
    from dualtrack.running import UP, run_role
    from dualtrack.tools import refuse_foreign_offsets
    from schemas.topics import ALL_TOPICS

    refuse_foreign_offsets(settings)
    _end_on_sigterm()
    settings.make_home()
    with EmbeddedBroker(i_know_it_forgets=True) as broker:
        broker.create_topics(ALL_TOPICS)
        _tell_broker(settings, broker.bootstrap_servers)
        try:
            settings.broker_file.write_text(broker.bootstrap_servers)
            servers = broker.bootstrap_servers
            return run_role(settings, UP, _log_outcomes, bootstrap_servers=servers, embedded=True)
        finally:
            settings.broker_file.unlink(missing_ok=True)


def _log_outcomes(settled: "Settled") -> None:
    """What became of a batch, and what it moved, as lines of the log."""
    counts = settled.landed
    if counts.landed or counts.duplicate or counts.rejected:
        logger.info("%d landed, %d duplicate, %d rejected", counts.landed, counts.duplicate, counts.rejected)
    for change in settled.changes:
        now = change.history[-1]
        reading = f"{change.definition.id} ({change.reading.id})"
        logger.info("%s is %s at %.0f%%: %s", reading, now.state, 100 * now.progress, now.detail)
