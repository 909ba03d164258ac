"""``dualtrack broker``: a real single-node Apache Kafka on this machine, without Docker."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.broker.local import BrokerStatus, LocalBroker

app = typer.Typer(
    no_args_is_help=True,
    help="A real Apache Kafka on this machine (Java 17+, Maven).",
    epilog=examples("dualtrack broker start", "dualtrack broker stop"),
)


@app.command(epilog=examples("dualtrack broker start", "dualtrack broker start --port 19092 --json"))
def start(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 9092,
    as_json: JsonOption = False,
) -> None:
    """Start Kafka (the first time Maven fetches it) and declare the topics; its data stays under the home."""
    from dualtrack.tools import start_local_broker

    _tell(start_local_broker(settings_of(context), port), as_json)


@app.command(epilog=examples("dualtrack broker stop"))
def stop(context: typer.Context, as_json: JsonOption = False) -> None:
    """Stop it; what it holds stays on disk."""
    stopped = _broker(context).stop()
    if as_json:
        print_json({"stopped": stopped})
    else:
        console().print("stopped" if stopped else "it was not running")


@app.command(epilog=examples("dualtrack broker status --json"))
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Is it running, where, and where are its data and its log?"""
    _tell(_broker(context).status(), as_json)


def _broker(context: typer.Context) -> "LocalBroker":
    from dualtrack.tools import local_broker

    return local_broker(settings_of(context))


def _tell(status: "BrokerStatus", as_json: bool) -> None:
    if as_json:
        print_json(asdict(status))
    elif status.running:
        console().print(f"Kafka {status.version} runs at {status.bootstrap_servers} (process {status.pid})")
        console().print(f"data {status.data}, log {status.log}", style="dim")
    else:
        console().print(f"not running; `dualtrack broker start` starts Kafka {status.version}")
