"""Why kafka-python could not connect: its exception says "Unable to bootstrap", its log says why."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGER: Final = logging.getLogger("kafka.net.manager")


class _Failures(logging.Handler):
    """Keeps what the connections failed with."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "onnection" in record.msg:
            self.texts.append(record.getMessage())


@contextmanager
def failures_kept() -> Iterator[list[str]]:
    """The failures of connections that are made in this block, in a list that grows."""
    handler = _Failures()
    _LOGGER.addHandler(handler)
    try:
        yield handler.texts
    finally:
        _LOGGER.removeHandler(handler)


def told(failures: list[str], error: Exception, *, sasl: bool) -> str:
    """The reason, for people: the first failure, for the later ones may only say that the time was over."""
    if not failures:
        return str(error)
    # Kafka answers a wrong password and closes at once; kafka-python often notices the second first.
    hint = "; Kafka hangs up on a wrong user or password" if sasl and "CERTIFICATE" not in failures[0] else ""
    return failures[0] + hint
