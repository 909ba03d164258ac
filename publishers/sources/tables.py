"""Tables of others: CSV and YAML files whose columns are checked by name before anything is read out of them."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from schemas.faults import TerminalFault
from schemas.values import PartialDate

_AMERICAN: Final = re.compile(r"^(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})$", re.ASCII)

EARLIEST: Final = date(1950, 1, 1)
"""Days before are slips of the pen (``0202-07-30``)."""

csv.field_size_limit(16 * 1024 * 1024)


class SourceBroken(TerminalFault):
    """A file of a source is not what it was; nothing is taken from it. The message names file, line and column."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, and where it stands."""

    file: str
    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell without the white space around it."""
        return self.cells[column].strip()

    def number(self, column: str) -> float | None:
        """A cell as a number; None where it is empty. Raises SourceBroken."""
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise self.broken(column, f"{text!r} is no number") from None
        if not math.isfinite(value):
            raise self.broken(column, f"{text!r} is no number")
        return value

    def when(self, column: str) -> PartialDate | None:
        """A cell as a date: ISO, vague or 12/31/2025; None where it is empty or absurd. Raises SourceBroken."""
        text = self.text(column)
        american = _AMERICAN.match(text)
        if american:
            text = f"{american['year']}-{int(american['month']):02}-{int(american['day']):02}"
        if not text:
            return None
        try:
            found = PartialDate.parse(text[:10])
        except ValueError:
            raise self.broken(column, f"{text!r} is no date") from None
        return found if found.first >= EARLIEST else None

    def day(self, column: str) -> date | None:
        """The last day that a cell may mean."""
        found = self.when(column)
        return found.last if found else None

    def broken(self, column: str, what: str) -> SourceBroken:
        """What is wrong with a cell."""
        return SourceBroken(f"{self.file}:{self.line}: column '{column}': {what}; was the file changed on the way?")


def read_csv(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file that has these columns (others are let be). Raises SourceBroken."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        table = csv.DictReader(opened)
        try:
            there = list(table.fieldnames or ())
            missing = [column for column in columns if column not in there]
            if missing:
                raise SourceBroken(
                    f"{file}:1: the column '{missing[0]}' is missing; there are: {', '.join(there) or 'none'}. "
                    "The format has changed, or this is another file"
                )
            for cells in table:
                if None in cells or None in cells.values():
                    raise SourceBroken(
                        f"{file}:{table.line_num}: the row has not as many cells as the header: cut off?"
                    )
                yield Row(str(file), table.line_num, cells)
        except (csv.Error, UnicodeDecodeError) as error:
            raise SourceBroken(f"{file}:{table.line_num}: this is no CSV: {error}") from error


def read_yaml_list(file: Path, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The entries of a YAML file that is a list of mappings with these keys. Raises SourceBroken."""
    try:
        entries = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        raise SourceBroken(f"{file}: this is no YAML: {error}") from error
    if not isinstance(entries, list):
        raise SourceBroken(f"{file}:1: a list of entries is expected")
    for number, entry in enumerate(entries, start=1):
        missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise SourceBroken(f"{file}: entry {number} has no '{missing[0]}': the format has changed")
        yield entry


def file_in(folder: Path, *names: str) -> Path:
    """The first of these files that is there, below the folder or beside its like; raises SourceBroken."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise SourceBroken(f"{folder} holds no {' or '.join(names)}: name the folder that does with --from")
