"""``dualtrack source``: public data as events."""

from pathlib import Path
from typing import Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Sources: public data as events.",
    epilog=examples(
        ("dualtrack source list", "what can be read"),
        ("dualtrack source run epoch --from DIR --to epoch.jsonl", "its events"),
        ("dualtrack load epoch.jsonl", "into the store"),
    ),
)


@app.command("list", epilog=examples("dualtrack source list", "dualtrack source list --json"))
def list_(as_json: JsonOption = False) -> None:
    """Every source, what it says and which files it reads."""
    from dualtrack.cli.tables import print_table
    from publishers.sources.registry import SOURCES

    rows = [{"name": source.name, "gives": source.gives, "reads": source.files} for source in SOURCES]
    if as_json:
        print_json(rows)
    else:
        print_table("Sources", rows)


@app.command(
    epilog=examples(
        "dualtrack source run epoch --from epoch_ai --to epoch.jsonl",
        "dualtrack source run prices --from . --to prices.jsonl --json",
    )
)
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which source; see dualtrack source list.")],
    folder: Annotated[Path, typer.Option("--from", metavar="DIR", help="The folder that holds its files.")],
    file: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where the events go, as JSON lines.")],
    as_json: JsonOption = False,
) -> None:
    """Turn the files of a source into events; the same files always give the same events with the same identities."""
    from publishers.sources.registry import source_named
    from publishers.sources.signal import write_signals

    count = write_signals(source_named(name).read(folder), file)
    if as_json:
        print_json({"source": name, "events": count, "file": str(file)})
    else:
        console().print(
            f"{count} events of {name} in {file}; next: dualtrack load {file}", markup=False, soft_wrap=True
        )
