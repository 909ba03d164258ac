"""``dualtrack topics``: declare the topics on a real Kafka."""

from typing import Annotated, Final

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

_EXAMPLE: Final = "DUALTRACK_KAFKA=localhost:9092 dualtrack topics apply"

app = typer.Typer(no_args_is_help=True, help="The topics on a real Kafka.", epilog=examples(_EXAMPLE))


@app.command(epilog=examples(_EXAMPLE, "DUALTRACK_KAFKA=kafka:9092 dualtrack topics apply --replicas 3"))
def apply(
    context: typer.Context,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing, with their partitions, retention and sizes; change none that is there."""
    settings = settings_of(context)
    servers = None if settings.uses_embedded() else settings.bootstrap_servers()
    if not servers:
        raise fail(
            "no Kafka is configured: set DUALTRACK_KAFKA=host:port. A try-out broker needs no topics declared", 2
        )
    from dualtrack.tools import check_let_in
    from dualtrack.topics import apply_topics

    check_let_in(settings, servers)
    created = apply_topics(servers, replicas, settings.kafka_python())
    if as_json:
        print_json({"created": created})
    else:
        console().print(f"created {', '.join(created)}" if created else "all topics are there")
