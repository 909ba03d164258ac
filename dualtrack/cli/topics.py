"""``dualtrack topics``: declare the topics on a real Kafka."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.settings import Settings
    from dualtrack.topics import Applied, Difference

_APPLY: Final = "DUALTRACK_KAFKA=localhost:9092 dualtrack topics apply"
_DIFF: Final = "DUALTRACK_KAFKA=localhost:9092 dualtrack topics diff"

app = typer.Typer(no_args_is_help=True, help="The topics on a real Kafka.", epilog=examples(_APPLY, _DIFF))

ReplicasOption = Annotated[int, typer.Option(min=1, help="Copies of each partition.")]


@app.command(epilog=examples(_APPLY, "DUALTRACK_KAFKA=kafka:9092 dualtrack topics apply --replicas 3"))
def apply(
    context: typer.Context,
    replicas: ReplicasOption = 1,
    allow_more_partitions: Annotated[
        bool,
        typer.Option(
            "--allow-more-partitions",
            help="Add partitions where there are fewer than declared. From then on events of one organisation may "
            "stand in another partition than its older ones, and their order is lost where both still wait.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing, and set what differs from what is declared: retention, sizes, clocks.

    Exit code 1 where something still differs: partitions are never taken away, and copies of existing ones not made.
    """
    from dualtrack.topics import apply_topics

    settings, servers = _settings_and_servers(context)
    applied = apply_topics(servers, replicas, settings.kafka_python(), allow_more_partitions=allow_more_partitions)
    if as_json:
        print_json(asdict(applied))
    else:
        _tell(applied)
    if applied.left:
        raise typer.Exit(1)


@app.command(epilog=examples(_DIFF, f"{_DIFF} --json"))
def diff(context: typer.Context, replicas: ReplicasOption = 1, as_json: JsonOption = False) -> None:
    """What the broker has against what is declared: partitions, copies, retention, sizes, clocks. Changes nothing.

    Exit code 1 where they differ. More copies than asked for are no difference.
    """
    from dualtrack.topics import diff_topics

    settings, servers = _settings_and_servers(context)
    found = diff_topics(servers, replicas, settings.kafka_python())
    if as_json:
        print_json(_rows(found))
    elif found:
        _print("The broker differs from what is declared", found)
    else:
        console().print("all topics are as declared")
    if found:
        raise typer.Exit(1)


def _settings_and_servers(context: typer.Context) -> "tuple[Settings, str]":
    from dualtrack.tools import check_let_in

    settings = settings_of(context)
    servers = None if settings.uses_embedded() else settings.bootstrap_servers()
    if not servers:
        raise fail(
            "no Kafka is configured: set DUALTRACK_KAFKA=host:port. A try-out broker needs no topics declared", 2
        )
    check_let_in(settings, servers)
    return settings, servers


def _tell(applied: "Applied") -> None:
    out = console()
    if applied.created:
        out.print(f"created {', '.join(applied.created)}", markup=False)
    for one in applied.changed:
        out.print(f"{one.topic}: {one.what} is {one.declared} now, was {one.found}", markup=False)
    if applied.left:
        _print("Left as they are", applied.left)
    elif not applied.created and not applied.changed:
        out.print("all topics are as declared")


def _print(title: str, found: "Sequence[Difference]") -> None:
    from dualtrack.cli.tables import print_table

    print_table(title, _rows(found))


def _rows(found: "Sequence[Difference]") -> list[dict[str, Any]]:
    return [asdict(one) for one in found]
