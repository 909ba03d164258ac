"""``dualtrack demo``: the whole path on this machine, shown."""

import logging
import os

import typer

from dualtrack.cli.output import INTERRUPTED, again, console, examples, fail, settings_of


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(epilog=examples("dualtrack demo", ("dualtrack --home /tmp/try demo", "in another folder")))(demo)


def demo(context: typer.Context) -> None:
    """Broker, workers, about 200 real events and some bad ones; then what came of them. Under a minute."""
    from dualtrack.demo.report import Display, report
    from dualtrack.demo.run import run_demo
    from dualtrack.log import log_to_stderr

    log_to_stderr(logging.ERROR)
    settings = settings_of(context)
    console().print(
        "publisher (kafka-python) → embedded Kafka broker → Faust: validate → Faust: settle → DuckDB, all in this "
        "process. The broker is for trying out: it forgets; the database stays.\n"
    )
    try:
        with Display() as display:
            progress = run_demo(settings, display.step)
    except KeyboardInterrupt:
        fail(f"interrupted; to begin anew: {again(settings, 'demo')}")
        # The workers' threads may be in the middle of something, in libraries that abort when Python ends below them.
        os._exit(INTERRUPTED)
    report(settings, progress)
