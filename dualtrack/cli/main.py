"""The command ``dualtrack`` and its global options."""

from pathlib import Path
from typing import Annotated

import typer

from dualtrack.cli import (
    alerts,
    broker,
    demo,
    doctor,
    load,
    measures,
    predictions,
    publish,
    query,
    rebuild,
    rejections,
    schema,
    source,
    status,
    stories,
    topics,
    work,
)
from dualtrack.cli.output import CommandGroup, examples, replace_what_cannot_be_written

app = typer.Typer(
    name="dualtrack",
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="AI-industry signals from Kafka to DuckDB, and predictions tracked against them with evidence.",
    epilog=examples(
        ("dualtrack demo", "the whole path on this machine"),
        ("dualtrack load events.jsonl", "the same path over a file, no broker"),
        ('dualtrack query "FROM signals LIMIT 5"', "ask DuckDB"),
        ("dualtrack predictions show p1a", "why it stands where it stands"),
        ("dualtrack doctor", "what is reachable, what is wrong"),
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dualtrack {version('dualtrack')}")
        raise typer.Exit


@app.callback()
def _global_options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Folder for all data.", show_default="DUALTRACK_HOME, else ./var"),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = home


for commands in (demo, work, publish, load, query, rebuild, status, schema, doctor):
    commands.register(app)
app.add_typer(predictions.app, name="predictions")
app.add_typer(alerts.app, name="alerts")
app.add_typer(measures.app, name="measures")
app.add_typer(stories.app, name="stories")
app.add_typer(rejections.app, name="rejections")
app.add_typer(topics.app, name="topics")
app.add_typer(broker.app, name="broker")
app.add_typer(source.app, name="source")


def run() -> None:
    """Entry point of the console script."""
    replace_what_cannot_be_written()
    app()
