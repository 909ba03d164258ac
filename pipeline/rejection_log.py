"""Lines of the log about single rejections, each with the input and the event's identity; at a bounded rate.

The log is for looking at what happens now; every rejection stands in the store, with its bytes.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic_core import from_json

from pipeline.steps.parse import BINARY_PREFIX
from schemas import headers as names
from schemas.records import OutRecord

logger = logging.getLogger(__name__)

MOST_LINES: Final = 20
WINDOW_SECONDS: Final = 10.0

_LONGEST_TEXT: Final = 300
_LARGEST_READ: Final = 64 * 1024


class RejectionLog:
    """Logs what validate rejects, at most ``MOST_LINES`` lines in ``WINDOW_SECONDS``; then how many more there were."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._lines = 0
        self._untold = 0

    def tell(self, rejected: Sequence[OutRecord]) -> None:
        """Log these, as they are written to ``signals.rejected``."""
        if self._clock() - self._since >= WINDOW_SECONDS:
            self.end_window()
        room = max(0, MOST_LINES - self._lines)
        for record in rejected[:room]:
            fields = fields_of(record)
            where = f"{fields['topic']}/{fields['partition']}/{fields['offset']}"
            logger.info(
                "rejected %s (%s, %s): %s", *(where, fields["stage"], fields["rule"], fields["reason"]), extra=fields
            )
        self._lines += len(rejected[:room])
        self._untold += len(rejected[room:])

    def end_window(self) -> None:
        """Say how many were not told one by one, and begin anew."""
        if self._untold:
            logger.info("%d more rejections, not told one by one: dualtrack rejections list", self._untold)
        self._since, self._lines, self._untold = self._clock(), 0, 0


def fields_of(record: OutRecord) -> dict[str, Any]:
    """The input, the reason and, where the bytes tell it, the event's identity."""
    # The last of a name counts, as everywhere: a publisher may have sent headers of our names.
    told = {name: value.decode(errors="replace") for name, value in record.headers}
    source, id = _identity(record, told)
    return {
        "topic": told[names.ERROR_TOPIC],
        "partition": int(told[names.ERROR_PARTITION]),
        "offset": int(told[names.ERROR_OFFSET]),
        "stage": told[names.ERROR_STAGE],
        "rule": told[names.ERROR_RULE],
        "reason": _line(told[names.ERROR_REASON]),
        "source": source,
        "id": id,
    }


def _identity(record: OutRecord, told: dict[str, str]) -> tuple[str | None, str | None]:
    if f"{BINARY_PREFIX}id" in told:
        found: Any = {"source": told.get(f"{BINARY_PREFIX}source"), "id": told[f"{BINARY_PREFIX}id"]}
    elif len(record.value) <= _LARGEST_READ:
        try:
            found = from_json(record.value)
        except ValueError:
            return None, None
    else:
        return None, None
    if not isinstance(found, dict):
        return None, None
    source, id = (value if isinstance(value, str) else None for value in (found.get("source"), found.get("id")))
    return _line(source), _line(id)


def _line(text: str | None) -> Any:
    """On one line, and not too long: whoever wrote it must not be able to write lines of our log."""
    return None if text is None else " ".join(text.split())[:_LONGEST_TEXT]
