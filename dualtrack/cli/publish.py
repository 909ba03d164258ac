"""``dualtrack publish``: events from a file or a pipe onto the raw topics."""

import json
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from publishers.sdk import Publisher


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(
        epilog=examples(
            "dualtrack publish events.jsonl",
            "cat events.jsonl | dualtrack publish -",
            "DUALTRACK_KAFKA=localhost:9092 dualtrack publish events.jsonl --json",
        )
    )(publish)


def publish(
    context: typer.Context,
    file: Annotated[typer.FileBinaryRead, typer.Argument(metavar="FILE|-", help="JSON lines of CloudEvents.")],
    as_json: JsonOption = False,
) -> None:
    """Check each line and send it to its topic; what is refused is named with its line and the reason."""
    from dualtrack.tools import publisher
    from publishers.sdk import PublishError

    try:
        with publisher(settings_of(context)) as sending:
            published, refused = _send_lines(file, sending)
    except PublishError as error:
        raise fail(str(error)) from None
    if as_json:
        print_json({"published": published, "refused": refused})
    else:
        for item in refused:
            console(stderr=True).print(f"line {item['line']}: {item['reason']}", markup=False)
        console().print(f"{published:,} published, {len(refused):,} refused")
    if refused:
        raise typer.Exit(1)


def _send_lines(file: IO[bytes], sending: "Publisher") -> tuple[int, list[dict[str, Any]]]:
    from publishers.sdk import EventRefused

    published, refused = 0, []
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
            if not isinstance(body, dict):
                raise EventRefused("a JSON object is needed")
            sending.send_structured(body)
            published += 1
        except (ValueError, EventRefused) as error:
            refused.append({"line": number, "reason": str(error)})
    return published, refused
