"""``dualtrack schema``: the schemas of events and of predictions as files, for other languages and for editors."""

from pathlib import Path
from typing import Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="JSON Schemas and the AsyncAPI document.",
    epilog=examples("dualtrack schema export --to schemas-for-go"),
)


def register(root: typer.Typer) -> None:
    """Add the group to the command."""
    root.add_typer(app, name="schema")


@app.command(
    epilog=examples(
        "dualtrack schema export --to schemas-for-go", ("dualtrack schema export --check", "are ours stale?")
    )
)
def export(
    to: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="schemas/json")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when files are stale.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a JSON Schema for each event type and for predictions, and asyncapi.yaml over all topics."""
    from dualtrack.schema_files import COMMITTED, stale_schemas, write_schemas

    folder = to or COMMITTED
    if check:
        stale = stale_schemas(folder)
        if as_json:
            print_json({"stale": stale})
        if stale:
            raise fail(f"stale in {folder}: {', '.join(stale)}; run `dualtrack schema export --to {folder}`")
        if not as_json:
            console().print(f"the files in {folder} are up to date", markup=False)
        return
    paths = write_schemas(folder)
    if as_json:
        print_json({"written": [str(path) for path in paths]})
    else:
        console().print(f"{len(paths)} files in {folder}", markup=False)
