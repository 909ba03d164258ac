"""Secrets from settings and files: read late, shown by nothing, warned about where others may read them."""

import logging
import stat
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import AnyHttpUrl, SecretStr, TypeAdapter, ValidationError

from schemas.faults import TerminalFault

logger = logging.getLogger(__name__)

_HTTP_URL: Final = TypeAdapter(AnyHttpUrl)


class BadSecret(TerminalFault, ValueError):
    """A secret, or the file of one, cannot be used; the message names the variable, never what it holds."""


class Hidden(str):
    """A secret on its way into a client. Clients log their options at level DEBUG: there it shows stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


def secret_of(variable: str, given: SecretStr | None, file: Path | None) -> Hidden:
    """The secret: as given, else what the file holds, without the end of its line. Raises BadSecret."""
    if given is not None:
        return Hidden(given.get_secret_value())
    if file is None:
        raise BadSecret(f"{variable} is not set: write it, or {variable}_FILE=path")
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BadSecret(
            f"{variable}_FILE={file}: {reason}. Name a file that can be read, with the secret in it"
        ) from None
    warn_if_readable(f"{variable}_FILE", file)
    secret = text.rstrip("\r\n")
    if not secret:
        raise BadSecret(f"{variable}_FILE={file} is empty: write the secret into it")
    return Hidden(secret)


def checked_url(variable: str, url: str) -> str:
    """The address as HTTP clients want it. Raises BadSecret, without the address: it may hold a token."""
    try:
        return str(_HTTP_URL.validate_python(url.strip()))
    except ValidationError:
        raise BadSecret(f"{variable} holds no address: write https://host/path") from None


def warn_if_readable(variable: str, file: Path) -> None:
    """Warn, once, where everybody on this machine may read the file."""
    if file.stat().st_mode & stat.S_IROTH:
        warn_once(f"{variable}={file} is readable by everybody on this machine: chmod 600 {file}")


@cache
def warn_once(message: str) -> None:
    """Each warning once in a process, however many connections it is about."""
    logger.warning("%s", message)
