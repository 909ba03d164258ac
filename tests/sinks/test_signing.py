"""A signed webhook against a real server, checked by the example of the documentation."""

import re
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sinks.receivers import WebhookReceiver
from tests.sinks.builders import alert
from tests.sinks.http_kit import Request, listening

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"
SECRET = "key of the desk"

Check = Callable[[Mapping[str, str], bytes, str], bool]


@pytest.fixture(scope="module")
def is_genuine(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """What docs/alerts.md tells the other side to do."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    file = tmp_path_factory.mktemp("docs") / "example.py"
    file.write_text(code)
    check: Check = runpy.run_path(str(file))["is_genuine"]
    return check


def received(secret: str | None) -> Request:
    with listening() as server:
        receiver = WebhookReceiver(f"http://127.0.0.1:{server.port}/alerts", secret=secret)
        receiver.send(alert())
        receiver.close()
    (request,) = server.received
    return request


def test_the_other_side_can_tell_that_it_is_ours(is_genuine: Check) -> None:
    request = received(SECRET)
    assert is_genuine(request.headers, request.body, SECRET)


def test_another_secret_body_or_time_is_not_ours(is_genuine: Check) -> None:
    request = received(SECRET)
    assert not is_genuine(request.headers, request.body, "another")
    assert not is_genuine(request.headers, request.body + b" ", SECRET)
    later = {**request.headers, "dualtrack-timestamp": str(int(time.time()) + 1)}
    assert not is_genuine(later, request.body, SECRET)


def test_a_request_that_is_sent_again_later_is_refused(is_genuine: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    request = received(SECRET)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 301)
    assert not is_genuine(request.headers, request.body, SECRET)


def test_each_try_is_signed_anew_and_keeps_its_key() -> None:
    with listening() as server:
        server.status = 503
        receiver = WebhookReceiver(f"http://127.0.0.1:{server.port}/", secret=SECRET, attempts=2, wait=0.01)
        with pytest.raises(Exception, match="answered 503"):
            receiver.send(alert())
        receiver.close()
    assert len(server.received) == 2
    assert len({request.headers["idempotency-key"] for request in server.received}) == 1
    assert all(request.headers["dualtrack-signature"].startswith("v1=") for request in server.received)


def test_without_a_secret_nothing_is_signed() -> None:
    assert "dualtrack-signature" not in received(None).headers
