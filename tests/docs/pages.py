"""Pages of ``docs/`` that are run as tests: their commands, what they print, and how to write that anew.

A page opts in by a comment at its top: ``<!-- doc-test -->``. Then, in order and in one folder of its own:

- In every block that is fenced as ``console``, each line ``$ dualtrack ...`` is run, and it must print what the lines
  below it show. ``...`` stands for anything: a part of a line, or alone on a line for any number of lines.
  A command may go on after a backslash, and may be piped (``| python -m json.tool``). One that fails must show
  ``error: ...`` first.
- ``<!-- file: NAME -->`` right before a block writes the block to that file.
- ``<!-- clock: 2027-05-01T12:00:00Z -->`` sets the clock from there on; it stands still. At the start it is ``NOON``.

Other commands and other blocks are left alone. Outputs are 120 wide, as in a pipe.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs"
MARKER: Final = "<!-- doc-test -->"
NOON: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""When the seed is loaded, and the time of every command unless the page says another."""

_FENCE: Final = re.compile(r"^```(\w*)$")
_COMMENT: Final = re.compile(r"^<!-- (file|clock): (\S+) -->$")
_COMMAND: Final = re.compile(r"^\$ (?:\.venv/bin/)?dualtrack\s")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the page has it, and the lines that it is said to print."""

    line: int
    """From 1: of the command."""
    words: str
    """Without ``$``; as a shell would read it."""
    first: int
    """Index of the first line of the output, among the lines of the page."""
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewFile:
    """A block that is written to a file."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class NewTime:
    """The clock from here on."""

    time: datetime


Step = Command | NewFile | NewTime


def pages() -> list[Path]:
    """The pages that opted in."""
    return sorted(page for page in FOLDER.glob("*.md") if page.read_text("utf-8").startswith(MARKER))


def steps_of(text: str) -> Iterator[Step]:
    """What a page does, in order."""
    lines = text.splitlines()
    file = ""
    number = 0
    while number < len(lines):
        fence, comment = _FENCE.match(lines[number]), _COMMENT.match(lines[number])
        if comment and comment[1] == "clock":
            yield NewTime(datetime.fromisoformat(comment[2]))
        elif comment:
            file = comment[2]
        elif fence:
            end = _end_of_block(lines, number)
            if file:
                yield NewFile(file, "\n".join(lines[number + 1 : end]) + "\n")
            elif fence[1] == "console":
                yield from _commands(lines, number + 1, end)
            file, number = "", end
        number += 1


def _end_of_block(lines: list[str], start: int) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number] == "```":
            return number
    raise ValueError(f"line {start + 1}: the block does not end")


def _commands(lines: list[str], start: int, end: int) -> Iterator[Command]:
    number = start
    while number < end:
        first, words = number, lines[number]
        while words.endswith("\\"):
            number += 1
            words = f"{words[:-1].rstrip()} {lines[number].strip()}"
        number += 1
        output = number
        while number < end and not lines[number].startswith("$ "):
            number += 1
        if _COMMAND.match(words):
            yield Command(first + 1, words.removeprefix("$ "), output, tuple(_trimmed(lines[output:number])))


def _trimmed(lines: list[str]) -> list[str]:
    """Without empty lines at the end: they part a command from the next."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def matches(shown: tuple[str, ...], printed: str) -> bool:
    """Is that what was printed? ``...`` stands for anything."""
    pattern = ""
    for line in shown:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines_of(printed))) is not None


def lines_of(printed: str) -> list[str]:
    """The lines of an output, without space at their ends and empty ones at the end."""
    return _trimmed([line.rstrip() for line in printed.splitlines()])


def rewritten(text: str, outputs: dict[Command, str]) -> str:
    """The page with the new outputs; those that still match stay, and lines with wildcards that do."""
    lines = text.splitlines()
    for command, printed in sorted(outputs.items(), key=lambda item: -item[0].first):
        if not matches(command.shown, printed):
            new = [_as_shown(line, command.shown) for line in lines_of(printed)]
            lines[command.first : command.first + len(command.shown)] = new
    return "\n".join(lines) + "\n"


def _as_shown(line: str, shown: tuple[str, ...]) -> str:
    """The line, or the one with wildcards that stood for it."""
    patterns = (old for old in shown if "..." in old and old.strip() != "...")
    return next((old for old in patterns if matches((old,), line)), line)
