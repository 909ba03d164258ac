"""``dualtrack topics``: declare the topics on a real Kafka."""

from typing import Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, faults_told, print_json, settings_of

app = typer.Typer(no_args_is_help=True, help="The topics on a real Kafka.")


@app.command(epilog=examples("DUALTRACK_KAFKA=localhost:9092 dualtrack topics apply"))
def apply(
    context: typer.Context,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing, with their partitions, retention and sizes; change none that is there."""
    from dualtrack.topics import apply_topics

    servers = settings_of(context).kafka
    if servers is None:
        raise fail("no Kafka is configured: set DUALTRACK_KAFKA=host:port", 2)
    with faults_told():
        created = apply_topics(servers, replicas)
    if as_json:
        print_json({"created": created})
    else:
        console().print(f"created {', '.join(created)}" if created else "all topics are there")
