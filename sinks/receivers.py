"""Where alerts go: a file, a webhook. A receiver sends one alert or raises NotDelivered; it never loses one quietly."""

import hashlib
import logging
import os
import time
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
from pydantic_core import from_json, to_json
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from schemas.alerts import Alert
from sinks.signing import signature_headers

FILE: Final = "file"
WEBHOOK: Final = "webhook"
TOPIC: Final = "topic"
"""Written by the worker's producer, not by a receiver: see ``sinks.alerts.pending_records``."""

_HEADER_SAFE: Final = "/:#@|,;=+!*()[]$&"

# At level INFO httpx logs whole addresses, and those of webhooks hold secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)

_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotDelivered(Exception):
    """The receiver did not take the alert; it stays in the outbox and is tried again later."""


class Receiver(Protocol):
    """Sends alerts. ``send`` may be called again with an alert that arrived: the key tells."""

    def send(self, alert: Alert) -> None:
        """Returns when the alert has arrived; raises NotDelivered otherwise."""


class FileReceiver:
    """Appends alerts to a file, one JSON object a line, on disk before it returns.

    Exactly once, for one process at a time: the keys that the file holds are read before the first alert is sent, so a
    crash between writing and noting writes none again. They stay in memory, about 100 bytes each.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._keys: set[bytes] | None = None

    def send(self, alert: Alert) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if self._keys is None:
                    self._keys = _keys_in(file)
                    # What a crash left unflushed is on disk before it is noted as delivered.
                    os.fsync(file.fileno())
                if _digest(alert.key) in self._keys:
                    return
                file.write(_line_end(file) + alert.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            # What was written of it is unknown: it is looked up before the next try.
            self._keys = None
            raise NotDelivered(f"could not write to {self.path}: {error}") from error
        self._keys.add(_digest(alert.key))


def _keys_in(file: Any) -> set[bytes]:
    """Digests of the keys of all whole lines; others (cut off by a crash, or of somebody else) hold no alert."""
    file.seek(0)
    found = set()
    for line in file:
        try:
            key = from_json(line)["key"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(key, str):
            found.add(_digest(key))
    return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _line_end(file: Any) -> bytes:
    """A line end, where a crash cut the last line off."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


class WebhookReceiver:
    """Posts alerts as JSON with the header ``Idempotency-Key``. Any answer from 200 to 299 means that it has arrived.

    A failure that may pass in a moment (connection, 408, 425, 429, 5xx) is tried ``attempts`` times within seconds;
    what then still fails is the outbox's to try again. Redirects are not followed. ``timeout`` is in seconds, per try.
    With a ``secret`` each try is signed (``sinks.signing``).
    """

    def __init__(
        self,
        url: str,
        timeout: float = 5.0,
        attempts: int = 3,
        wait: float = 0.2,
        client: httpx.Client | None = None,
        secret: str | None = None,
    ) -> None:
        self.url: Final = url
        self._secret = secret
        self._client = client or httpx.Client(timeout=timeout)
        self._attempts = attempts
        self._wait = wait

    def send(self, alert: Alert) -> None:
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_may_pass),
                stop=stop_after_attempt(self._attempts),
                wait=wait_exponential(self._wait, max=2.0),
                reraise=True,
            ):
                with attempt:
                    self._post(alert)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(f"{self._host()}: {_short(error)}") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _post(self, alert: Alert) -> None:
        body = to_json(alert)
        headers = {"content-type": "application/json", "idempotency-key": quote(alert.key, safe=_HEADER_SAFE)}
        if self._secret is not None:
            headers |= signature_headers(self._secret, body, int(time.time()))
        answer = self._client.post(self.url, content=body, headers=headers)
        answer.raise_for_status()
        if not answer.is_success:
            raise httpx.HTTPStatusError(f"answered {answer.status_code}", request=answer.request, response=answer)

    def _host(self) -> str:
        """The receiver's name for messages: a webhook's path and query often hold a secret."""
        try:
            return httpx.URL(self.url).host or "webhook"
        except httpx.InvalidURL:
            return "webhook"


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _TRY_AGAIN
    return isinstance(error, httpx.TransportError)


def _short(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"answered {error.response.status_code}"
    return str(error) or type(error).__name__
