"""The lines of a file or a pipe, whatever is in it: memory stays bounded."""

from collections.abc import Iterator
from typing import IO, Final

LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes. Of a longer line only the beginning is read, a hundred times what an event may have: it is rejected anyway."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Every line, with its line end. Without the mark that some editors put in front of UTF-8, which no JSON has."""
    first = True
    while line := file.readline(LONGEST_LINE):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        yield line.removeprefix(_BYTE_ORDER_MARK) if first else line
        first = False
