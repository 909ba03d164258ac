"""A receiver of alerts over HTTP that fails now and then."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Webhook:
    """Listens on a free port of 127.0.0.1. Every ``fails_each``-th request is answered with 503."""

    def __init__(self, fails_each: int = 5) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        """(idempotency key, body) of what was answered with 204, in order."""
        self.refused = 0
        self._asked = 0
        self._fails_each = fails_each
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(webhook.answer(self.headers["idempotency-key"], body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def answer(self, key: str, body: dict[str, Any]) -> int:
        self._asked += 1
        if self._asked % self._fails_each == 0:
            self.refused += 1
            return 503
        self.received.append((key, body))
        return 204

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
