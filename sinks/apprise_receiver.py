"""Chat and e-mail by Apprise: one URL names the service, the account and the room.

At least once: Apprise says whether the service took it, and knows no key that the service would compare.
"""

import logging
import re
from collections import deque
from typing import Final

from schemas.alerts import Alert
from sinks.receivers import NotDelivered

_TYPES: Final = {"met": "success", "missed": "failure", "retracted": "warning", "source conflict": "warning"}

_STATUS: Final = re.compile(r"error=(\d{3})")


class BadAddress(ValueError):
    """Apprise knows no such service, or something is missing in the URL. The URL is not told: it holds secrets."""


class AppriseReceiver:
    """Sends alerts to what an Apprise URL names. Apprise is imported for the first one. Raises BadAddress."""

    def __init__(self, url: str) -> None:
        import apprise

        asset = apprise.AppriseAsset(
            app_id="dualtrack",
            app_desc="dualtrack",
            async_mode=False,
            # Otherwise it would keep sessions of some services in a folder of its own.
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        _OVERHEARD.listen()
        service = apprise.Apprise.instantiate(url.strip(), asset=asset)
        if service is None:
            scheme, found, _ = url.strip().partition("://")
            kind = f"{scheme}://" if found and scheme.isalnum() else "an address without a service"
            raise BadAddress(
                f"Apprise cannot use it ({kind}): compare it with the service's page in the documentation of Apprise"
            )
        self._service: Final = service

    def send(self, alert: Alert) -> None:
        """Raises NotDelivered unless the service took it."""
        import apprise

        told = apprise.Apprise()
        told.add(self._service)
        kind = apprise.NotifyType(_TYPES.get(alert.kind, "info"))
        _OVERHEARD.listen()
        if not told.notify(body=alert.body or text_of(alert), title=alert.title, notify_type=kind):
            raise NotDelivered(f"{self._name()}: {_OVERHEARD.reason()}")

    def _name(self) -> str:
        return str(self._service.service_name)


def text_of(alert: Alert) -> str:
    """The body where a rule has none of its own: where it stands, and the events."""
    lines = [f"{alert.prediction} {alert.reading}: {alert.state}, {alert.progress:.0%}"] if alert.prediction else []
    for item in alert.evidence[-5:]:
        day, url = item.get("occurred_on"), item.get("url")
        lines.append(f"- {f'{day} ' if day else ''}{item.get('title', '')}{f' {url}' if url else ''}")
    return "\n".join(lines) or alert.title


class _Overheard(logging.Filter):
    """Keeps what Apprise logs out of the log, for it may hold the address; a status is read out of it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=20)

    def filter(self, record: logging.LogRecord) -> bool:
        """Nothing passes."""
        self._lines.append(record.getMessage())
        return False

    def listen(self) -> None:
        """From now on. For good: Apprise may go on in a thread that nobody waits for any more."""
        self._lines.clear()
        logging.getLogger("apprise").addFilter(self)
        # Its clients too write what they send to the log, at DEBUG and in retries.
        for name in ("urllib3", "requests", "requests_oauthlib", "oauthlib"):
            logging.getLogger(name).setLevel(logging.ERROR)

    def reason(self) -> str:
        """Why it was not taken, as far as that can be told without what may be secret."""
        said = "\n".join(self._lines)
        if found := _STATUS.search(said):
            return f"answered {found[1]}"
        return "no connection" if "onnection error" in said else "did not take it"


_OVERHEARD: Final = _Overheard()
