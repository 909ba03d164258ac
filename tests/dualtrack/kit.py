"""What the tests of the command share: running it in this process, and files of events to give it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from dualtrack.cli.main import app
from tests.factories import make_event, make_parsed


def dualtrack(*arguments: str, home: Path, input: bytes | None = None, exit_code: int = 0) -> Result:
    """Run the command in this process; an exception that it does not turn into a message is raised here."""
    result = CliRunner().invoke(app, ["--home", str(home), *arguments], input=input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def json_of(*arguments: str, home: Path, input: bytes | None = None, exit_code: int = 0) -> Any:
    """What the command prints with ``--json``: one document and nothing else."""
    return json.loads(dualtrack(*arguments, "--json", home=home, input=input, exit_code=exit_code).stdout)


def line(number: int, type: str = "deal", id: str | None = None, **fields: Any) -> bytes:
    """A valid event as a line of a file; ``fields`` are the event's own."""
    value = make_parsed(make_event(type, **fields), id=id, offset=number).record.value
    assert value is not None
    return value


def write_lines(path: Path, lines: Iterable[bytes], end: bytes = b"\n") -> Path:
    """A file of these lines."""
    path.write_bytes(b"".join(line + end for line in lines))
    return path


NEGATIVE = {"value": "-5", "currency": "USD"}
"""An amount that ``common.money-negative`` rejects."""


def mixed(name: str) -> tuple[bytes, ...]:
    """Lines of which 8 land, 1 is a duplicate and 3 are rejected; the name makes their events those of one test."""
    return (
        *(line(number, id=f"{name}-{number}") for number in range(6)),
        line(6, "funding", id=f"{name}-6"),
        line(7, "incident", id=f"{name}-7"),
        line(1, id=f"{name}-1"),
        line(9, "funding", id=f"{name}-9", amount=NEGATIVE),
        b"this is not JSON: " + name.encode(),
        b"\xff\xfe" + name.encode(),
    )


MIXED = mixed("event")
