"""Running workers as processes: their metrics, their place on HTTP, their log, and an end that comes."""

import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dualtrack.log import log_of_worker
from dualtrack.settings import HTTP_OFF, Settings, split_address
from dualtrack.tools import run_stations, settle_station, validate_station
from schemas.faults import Fault

if TYPE_CHECKING:
    from pipeline.flow import Settled
    from pipeline.stations import Station
    from pipeline.web import HttpConfig

logger = logging.getLogger(__name__)

UP: Final = "up"
VALIDATE: Final = "validate"
SETTLE: Final = "settle"

PORTS: Final = {UP: 9470, VALIDATE: 9471, SETTLE: 9472}
"""Where a worker answers over HTTP unless told otherwise, on loopback."""

EXIT_SECONDS: Final = 15.0
"""How long the interpreter may take for its own end."""


def run_role(
    settings: Settings,
    role: str,
    on_settled: "Callable[[Settled], None] | None" = None,
    *,
    bootstrap_servers: str | None = None,
    embedded: bool = False,
) -> int:
    """Run the workers of a role until they are told to stop; the exit code. The process should end soon afterwards."""
    from pipeline.measuring import Telemetry
    from pipeline.watchdog import exit_within

    telemetry = Telemetry()
    stations: list[Station] = []
    if role in (UP, VALIDATE):
        stations.append(validate_station(settings, telemetry))
    if role in (UP, SETTLE):
        stations.append(settle_station(settings, on_settled, telemetry))
    code = run_stations(
        settings,
        stations,
        bootstrap_servers=bootstrap_servers,
        embedded=embedded,
        telemetry=telemetry,
        http=http_config(settings, role),
    )
    exit_within(EXIT_SECONDS, code)
    return code


def run_logged(settings: Settings, role: str, run: Callable[[], int]) -> int:
    """Run it with the log that the settings want; a fault before the start becomes a line of a log for programs."""
    log_of_worker(settings, role)
    if settings.log != "json":
        return run()
    try:
        return run()
    except Fault as fault:
        logger.critical("%s", fault, extra={"fault": type(fault).__name__})
        return 1


def http_config(settings: Settings, role: str) -> "HttpConfig | None":
    """Where the workers of a role answer, and where they note it; None where they are told not to."""
    from pipeline.web import HttpConfig

    if settings.http == HTTP_OFF:
        return None
    # With the host: containers that share a volume have the same process numbers.
    note = settings.workers_folder / f"{role}-{socket.gethostname()}-{os.getpid()}.json"
    if settings.http is None:
        return HttpConfig(port=PORTS[role], any_port=True, note=note, role=role)
    host, port = split_address(settings.http)
    return HttpConfig(host, port, note=note, role=role)
