"""Chat and e-mail by Apprise: one URL names the service, the account and the room.

At least once: Apprise says whether the service took it, and knows no key that the service would compare.
"""

import logging
import re
from typing import Final, Self

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
        with _Overheard():
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
        with _Overheard() as overheard:
            taken = told.notify(body=alert.body or text_of(alert), title=alert.title, notify_type=kind)
        if not taken:
            raise NotDelivered(f"{self._name()}: {overheard.reason()}")

    def _name(self) -> str:
        return str(self._service.service_name)


def text_of(alert: Alert) -> str:
    """The body where a rule has none of its own: where it stands, and the events."""
    lines = [f"{alert.prediction} {alert.reading}: {alert.state}, {alert.progress:.0%}"] if alert.prediction else []
    for item in alert.evidence[-5:]:
        day, url = item.get("occurred_on"), item.get("url")
        lines.append(f"- {f'{day} ' if day else ''}{item.get('title', '')}{f' {url}' if url else ''}")
    return "\n".join(lines) or alert.title


class _Overheard(logging.Handler):
    """What Apprise logs while it works, kept from the log: it may hold the address. A status is read out of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def reason(self) -> str:
        """Why it was not taken, as far as that can be told without what may be secret."""
        said = "\n".join(self._lines)
        if found := _STATUS.search(said):
            return f"answered {found[1]}"
        return "no connection" if "onnection error" in said else "did not take it"

    def __enter__(self) -> Self:
        logger = logging.getLogger("apprise")
        # Its clients too: what they send is written to the log at DEBUG, addresses included.
        for name in ("urllib3", "requests", "requests_oauthlib", "oauthlib"):
            logging.getLogger(name).setLevel(logging.ERROR)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
