"""What the commands share by which people decide something: to Kafka, or into a file that ``load`` reads."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from dualtrack.cli.output import again, console, fail

if TYPE_CHECKING:
    from dualtrack.known_readings import KnownReadings
    from dualtrack.settings import Settings
    from schemas.decisions import Decision

Made = TypeVar("Made", bound="Decision")

ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="FILE|-", help="Append to a file that `load` and `publish` read, instead of sending to Kafka."
    ),
]
ReadingOption = Annotated[
    str | None,
    typer.Option("--reading", metavar="READING", help="Which reading of it; `predictions show ID` has them."),
]


def known_readings(settings: "Settings") -> "KnownReadings":
    """Which readings there are, of the store or of this version."""
    from dualtrack.known_readings import KnownReadings

    return KnownReadings.at_hand(settings)


def named(option: str, text: str) -> str:
    """What was said with that option; ends the command where it is empty."""
    if not text.strip():
        raise fail(f"{option} is empty: who decides, and why, is kept with it", 2)
    return text.strip()


def checked(model: type[Made], **fields: Any) -> Made:
    """The decision; ends the command where a field is wrong, and names it."""
    from pydantic import ValidationError

    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise fail(f"{first['loc'][0]}: {first['msg']}", 2) from None


def deliver(settings: "Settings", decisions: Sequence[Mapping[str, Any]], to: str | None, retry: str = "") -> str:
    """Send them, or write them to the file; returns where they went. Ends the command where Kafka takes none.

    ``retry`` is what to add to the command so that a second try says exactly the same.
    """
    if to is not None:
        return _write(decisions, to)
    from dualtrack.tools import publisher
    from publishers.decisions import SOURCE
    from publishers.sdk import NotDelivered, PublishError
    from schemas.topics import DECISIONS

    try:
        with publisher(settings, SOURCE) as sending:
            for decision in decisions:
                sending.send_structured(decision)
    except NotDelivered as error:
        raise fail(f"{error}{f': repeat the command with {retry}' if retry else ''}") from None
    except PublishError as error:
        without = f"add `--to decisions.jsonl`, then `{again(settings, 'load decisions.jsonl')}`"
        raise fail(f"{error}. Without a Kafka: {without}") from None
    return f"sent to the topic {DECISIONS}"


def _write(decisions: Sequence[Mapping[str, Any]], to: str) -> str:
    lines = "".join(json.dumps(decision) + "\n" for decision in decisions)
    if to == "-":
        sys.stdout.write(lines)
        return "written to standard output"
    path = Path(to)
    if path.is_dir():
        raise fail(f"{path} is a folder: name a file in it, such as {path / 'decisions.jsonl'}", 2)
    if not path.parent.is_dir():
        raise fail(f"there is no folder {path.parent} (here is {Path.cwd()}): make it, or name another", 2)
    with path.open("a", encoding="utf-8") as file:
        file.write(lines)
    return f"written to {path}"


def tell(settings: "Settings", told: str, to: str | None) -> None:
    """Say what was done, on stderr where standard output is for a pipe; and what lands what was written."""
    out = console(stderr=to == "-")
    out.print(told, markup=False, soft_wrap=True)
    if to is not None and to != "-":
        out.print(f"to land it: {again(settings, f'load {to}')}", markup=False, soft_wrap=True)
