"""``dualtrack publish``: events from a file or a pipe onto the raw topics."""

from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, interruption_told, print_json, settings_of

if TYPE_CHECKING:
    from publishers.sdk import Publisher

MOST_REFUSALS_SHOWN = 20


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
    """Check each line and send it to its topic; what is refused is named with its line and the reason.

    Exit code 1 says that a line was refused or that Kafka did not confirm; publishing again is safe.
    """
    from dualtrack.tools import publisher
    from publishers.sdk import PublishError

    try:
        told = "interrupted: some events may have been published; publishing them again is safe"
        with interruption_told(told), publisher(settings_of(context)) as sending:
            published, refused = _send_lines(file, sending)
    except PublishError as error:
        raise fail(str(error)) from None
    if as_json:
        print_json({"published": published, "refused": refused})
    else:
        _tell(published, refused)
    if refused:
        raise typer.Exit(1)


def _tell(published: int, refused: list[dict[str, Any]]) -> None:
    err = console(stderr=True)
    for item in refused[:MOST_REFUSALS_SHOWN]:
        err.print(f"line {item['line']}: {item['reason']}", markup=False, soft_wrap=True)
    if len(refused) > MOST_REFUSALS_SHOWN:
        err.print(f"and {len(refused) - MOST_REFUSALS_SHOWN:,} more; --json names all")
    console().print(f"{published:,} published, {len(refused):,} refused")


def _send_lines(file: IO[bytes], sending: "Publisher") -> tuple[int, list[dict[str, Any]]]:
    from dualtrack.lines import lines_of
    from publishers.sdk import EventRefused

    published, refused = 0, []
    for number, line in enumerate(lines_of(file), start=1):
        if not line.strip():
            continue
        try:
            sending.send_json(line)
            published += 1
        except EventRefused as error:
            refused.append({"line": number, "reason": str(error)})
    return published, refused
