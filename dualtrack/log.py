"""The log on standard error: text for people, JSON for programs. Secrets never appear in either.

A JSON line has ``time`` (UTC), ``level``, ``logger``, ``message``, ``role`` and ``pid``; where one input is meant also
``topic``, ``partition``, ``offset`` and, where they can be told, the event's identity ``source`` and ``id``; of an
exception ``exc_info``. What faulthandler writes when the interpreter itself hangs is no JSON; nothing could make it so.
"""

import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

from dualtrack.alerting import secrets_in_rules
from dualtrack.harmless import harmless_line
from dualtrack.settings import Settings

_CHATTY: Final = ("faust", "mode", "aiokafka", "kafka", "great_expectations")

_SHORTEST_SECRET: Final = 4
"""Stars in the place of every `a` would tell more than they hide."""
_SHORTEST_PATH: Final = 8

STARS: Final = "**********"


def log_to_stderr(level: int) -> None:
    """Show the log from that level on; of the libraries only warnings, and nothing of how services start and stop."""
    _show(level, _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))


def log_of_worker(settings: Settings, role: str) -> None:
    """The log of a worker, as the settings have it; their secrets are replaced by stars wherever they turn up."""
    if settings.log == "json":
        formatter: logging.Formatter = _Json(role)
    else:
        formatter = _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")
    _show(logging.INFO, Redacting(formatter, secrets_of(settings)))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret that the settings and the alert rules hold or name a file for, the longest first."""
    found: set[str] = set()
    for name in settings.secret_fields():
        given, file = getattr(settings, name), getattr(settings, f"{name}_file", None)
        if given is not None:
            found.add(given.get_secret_value())
        elif file is not None:
            found.add(_held_by(file))
    found.update(secrets_in_rules(settings))
    # Of an address, what stands behind the host is the secret; the host alone is told in errors. A word such as
    # "alerts" is none, and stars in its place would make the log unreadable.
    paths = {secret.split("://", 1)[1].partition("/")[2] for secret in found if "://" in secret}
    found |= {path for path in paths if len(path) >= _SHORTEST_PATH}
    return tuple(sorted((secret for secret in found if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True))


def _held_by(file: Path) -> str:
    # A file that cannot be read is told by whoever needs the secret.
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Redacting(logging.Formatter):
    """Puts stars in the place of secrets in whatever another formatter wrote, tracebacks included."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets."""
        text = self._inner.format(record)
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return text


class _Text(logging.Formatter):
    """A line for people; nothing in it commands their terminal or passes for another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what follows a line end, a traceback for example, is indented."""
        return harmless_line(super().format(record))


class _Json(JsonFormatter):
    """One object a line, with the fields that programs look for first."""

    def __init__(self, role: str) -> None:
        super().__init__("%(message)s", json_ensure_ascii=False)
        self._role = role

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
        }
        super().add_fields(log_data, record, message_dict)
        log_data |= {"role": self._role, "pid": os.getpid()}


def _show(level: int, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(level)
    handler.setFormatter(formatter)
    handler.addFilter(_worth_showing)
    logging.basicConfig(level=level, handlers=[handler])


def _worth_showing(record: logging.LogRecord) -> bool:
    # A filter of the handler: Great Expectations sets levels of its own on its loggers.
    noise = record.name.split(".")[0] in _CHATTY or record.getMessage().startswith("[^")
    return record.levelno >= logging.WARNING or not noise
