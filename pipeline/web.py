"""``/metrics``, ``/health`` and ``/ready`` over HTTP, from threads that need neither the event loop nor the station.

On loopback unless told otherwise: it has no passwords. It reads only, takes no parameters and shows no event.
"""

import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from prometheus_client.exposition import choose_encoder

from pipeline.health import Verdict
from pipeline.measuring import Telemetry
from schemas.faults import TerminalFault

logger = logging.getLogger(__name__)

SLOWEST_CLIENT_SECONDS: Final = 10.0
LOOPBACK: Final = "127.0.0.1"

Judge = Callable[[], Sequence[Verdict]]


class PortTaken(TerminalFault):
    """Something else listens where /health was to be."""


@dataclass(frozen=True)
class HttpConfig:
    """Where a worker answers."""

    host: str = LOOPBACK
    port: int = 0
    """0 takes a free one."""

    any_port: bool = False
    """Take a free port where this one is taken: two workers of one machine that were told nothing."""

    note: Path | None = None
    """A file that names the address while the worker runs, for ``dualtrack status``."""

    role: str = "worker"
    """What the note calls it."""


class WorkerWeb:
    """Serves until it is stopped. Raises PortTaken when it cannot listen."""

    def __init__(self, config: HttpConfig, telemetry: Telemetry, judge: Judge) -> None:
        self._config = config
        self._server = _listen(config, _handler(config.role, telemetry, judge))
        self._thread = threading.Thread(target=self._server.serve_forever, name="dualtrack-http", daemon=True)

    @property
    def address(self) -> str:
        """``host:port`` to ask."""
        host, port = self._server.server_address[:2]
        host = str(host)
        # Who listens everywhere is found on loopback.
        host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        logger.info("health and metrics at http://%s/health, /ready, /metrics", self.address)
        note = self._config.note
        if note is not None:
            note.parent.mkdir(parents=True, exist_ok=True)
            draft = note.with_suffix(".tmp")
            said = {"role": self._config.role, "pid": os.getpid(), "host": socket.gethostname(), "http": self.address}
            draft.write_text(json.dumps(said), "utf-8")
            draft.replace(note)

    def stop(self) -> None:
        """Answer no more."""
        if self._config.note is not None:
            self._config.note.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()


def _handler(role: str, telemetry: Telemetry, judge: Judge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Three pages."""

        timeout = SLOWEST_CLIENT_SECONDS
        server_version = "dualtrack"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(telemetry.registry), content_type)
            elif path in ("/health", "/ready"):
                verdicts = judge()
                good = all(one.healthy if path == "/health" else one.ready for one in verdicts)
                told = {"ok": good, "role": role, "pid": os.getpid(), "stations": [one.as_dict() for one in verdicts]}
                status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, json.dumps(told).encode() + b"\n", "application/json")
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"/metrics, /health or /ready\n", "text/plain; charset=utf-8")

        do_HEAD = do_GET  # noqa: N815 (http.server's name)

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            logger.debug("HTTP %s", format % args)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Two workers must not share a port in silence; the port of one that has just ended is free nevertheless.
    allow_reuse_address = True
    allow_reuse_port = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's fault."""
        logger.debug("HTTP request of %s failed", client_address, exc_info=True)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that http.server makes, which may take seconds."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()


class _Server6(_Server):
    address_family = socket.AF_INET6


def _listen(config: HttpConfig, handler: type[BaseHTTPRequestHandler]) -> _Server:
    kind = _Server6 if ":" in config.host else _Server
    try:
        return kind((config.host, config.port), handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and config.any_port:
            server = kind((config.host, 0), handler)
            logger.info("port %d is taken by another process; taking %d", config.port, server.server_address[1])
            return server
        raise PortTaken(
            f"cannot listen on {config.host}:{config.port} ({error.strerror or error}): choose another address with "
            "DUALTRACK_HTTP=host:port, or DUALTRACK_HTTP=off"
        ) from error
