"""Apprise against a real server: what arrives, what is not delivered, and that no address gets into the log."""

import json
import logging

import pytest

from schemas.alerts import Alert
from sinks.apprise_receiver import AppriseReceiver, BadAddress, text_of
from sinks.receivers import NotDelivered
from tests.sinks.builders import alert
from tests.sinks.http_kit import listening

SECRET = "tokenofmine"


def test_an_alert_arrives_with_title_and_body() -> None:
    with listening() as server:
        server.status = 200
        AppriseReceiver(f"json://127.0.0.1:{server.port}/{SECRET}").send(alert())
    (request,) = server.received
    said = json.loads(request.body)
    assert (said["title"], said["type"]) == ("It happened", "success")
    assert "p1 plain: met, 100%" in said["message"]


def test_the_body_of_a_rule_goes_before_ours() -> None:
    with listening() as server:
        server.status = 200
        receiver = AppriseReceiver(f"json://127.0.0.1:{server.port}")
        receiver.send(alert().model_copy(update={"body": "of my own", "kind": "missed"}))
    said = json.loads(server.received[0].body)
    assert (said["message"], said["type"]) == ("of my own", "failure")


def test_what_is_not_taken_is_not_delivered_and_nothing_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with listening() as server:
        server.status = 500
        receiver = AppriseReceiver(f"json://user:{SECRET}@127.0.0.1:{server.port}/{SECRET}")
        with pytest.raises(NotDelivered, match="answered 500") as told:
            receiver.send(alert())
        server.status = 200
        receiver.send(alert())
    with pytest.raises(NotDelivered, match="no connection") as gone:
        receiver.send(alert())
    assert len(server.received) == 2
    assert SECRET not in f"{caplog.text}{told.value}{gone.value}"


@pytest.mark.parametrize("url", [f"nosuch://{SECRET}", f"slack://{SECRET}", SECRET, "", f"https:/{SECRET}"])
def test_an_address_that_apprise_does_not_know_is_refused_without_telling_it(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BadAddress, match="Apprise cannot use it") as told:
        AppriseReceiver(url)
    assert SECRET not in f"{told.value}{caplog.text}"


def test_the_text_names_the_events() -> None:
    found: Alert = alert().model_copy(
        update={"evidence": ({"title": "A deal", "occurred_on": "2026-05-01", "url": "https://example.org/a"},)}
    )
    assert text_of(found).splitlines() == ["p1 plain: met, 100%", "- 2026-05-01 A deal https://example.org/a"]
