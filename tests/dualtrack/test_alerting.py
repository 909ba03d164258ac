"""Receivers are built from the rules, and their secrets come from elsewhere and go nowhere."""

import logging
from pathlib import Path

import pytest

from dualtrack.alerting import check_rules_of, receivers_of, rules_of, secrets_in_rules
from dualtrack.log import STARS, Redacting, secrets_of
from dualtrack.settings import Settings
from predictions.alert_file import BrokenRules
from sinks.receivers import NotDelivered
from tests.sinks.builders import alert
from tests.sinks.http_kit import listening

TOKEN = "s3cr3t-t0ken"
KEY = "k3y-of-the-desk"

RULES = """
receivers:
  chat: {apprise: {url: "json://127.0.0.1:${PORT}/${TOKEN}"}}
  desk: {webhook: {url: "http://127.0.0.1:${PORT}/hooks/${TOKEN}", secret_file: keys/desk}}
  audit: {file: {path: audit.jsonl}}
rules: [{id: all, receivers: [chat, desk, audit]}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "desk").write_text(f"{KEY}\n")
    (tmp_path / "keys" / "desk").chmod(0o600)
    (tmp_path / "rules.yaml").write_text(RULES)
    return Settings(home=tmp_path / "home", alert_rules=tmp_path / "rules.yaml")


def test_everybody_named_is_told_and_no_secret_is(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", TOKEN)
    with listening() as server:
        server.status = 200
        monkeypatch.setenv("PORT", str(server.port))
        receivers = receivers_of(settings, check_rules_of(settings))
        for name in ("chat", "desk", "audit"):
            receivers[name].send(alert())
    assert [request.path for request in server.received] == [f"/{TOKEN}", f"/hooks/{TOKEN}"]
    assert "dualtrack-signature" in server.received[1].headers
    assert (tmp_path / "audit.jsonl").read_text().count("\n") == 1
    refusals = []
    for name in ("chat", "desk"):
        with pytest.raises(NotDelivered) as told:
            receivers[name].send(alert())
        refusals.append(str(told.value))
    shown = f"{caplog.text}{refusals}{receivers}"
    assert TOKEN not in shown
    assert KEY not in shown
    assert set(secrets_in_rules(settings)) >= {KEY, TOKEN}


def test_the_log_of_workers_hides_what_the_rules_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("PORT", "9")
    formatter = Redacting(logging.Formatter("%(message)s"), secrets_of(settings))
    said = f"http://127.0.0.1:9/hooks/{TOKEN} and /hooks/{TOKEN} and {KEY}"
    text = formatter.format(logging.LogRecord("x", logging.INFO, "x", 1, said, (), None))
    assert TOKEN not in text
    assert text.endswith(STARS)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("apprise: {url: 'slack://${NOSUCH}'}", "r.yaml:3: the environment has no NOSUCH: set it, or write url_file"),
        ("apprise: {url: '${EMPTY}'}", "r.yaml:3: the environment has no EMPTY"),
        ("apprise: {url: '${TOKEN}'}", "r.yaml:3: Apprise cannot use it (an address without a service)"),
        ("apprise: {url: 'slack://${TOKEN}'}", "r.yaml:3: Apprise cannot use it (slack://)"),
        ("apprise: {url_file: nosuch}", "nosuch: No such file or directory. Name a file that can be read"),
        ("apprise: {url_file: empty}", "is empty: write the secret into it"),
        ("webhook: {url: '${TOKEN}'}", "r.yaml:3: url holds no address: write https://host/path"),
        ("webhook: {url: 'https://a/${TOKEN}', secret: '${NOSUCH}'}", "has no NOSUCH: set it, or write secret_file"),
    ],
)
def test_what_is_missing_stops_the_start_by_line(
    entry: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").touch()
    file = tmp_path / "r.yaml"
    file.write_text(f"receivers:\n  chat:\n    {entry}\nrules: [{{id: a}}]")
    settings = Settings(home=tmp_path, alert_rules=file)
    with pytest.raises(BrokenRules) as told:
        receivers_of(settings, rules_of(settings))
    assert problem in str(told.value)
    assert TOKEN not in str(told.value)


def test_a_worker_does_not_start_with_a_broken_rule(tmp_path: Path) -> None:
    from dualtrack.tools import run_stations

    file = tmp_path / "r.yaml"
    file.write_text("rules:\n  - id: a\n    predictions: [nosuch]")
    settings = Settings(home=tmp_path / "home", alert_rules=file, kafka="127.0.0.1:1")
    with pytest.raises(BrokenRules, match=r"r.yaml:3: rules.0.predictions.0: no prediction is called 'nosuch'"):
        run_stations(settings, [])


def test_the_webhook_of_the_settings_is_signed_with_its_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    with listening() as server:
        settings = Settings(
            home=tmp_path,
            webhook_url=f"http://127.0.0.1:{server.port}/",
            webhook_secret_file=key,
        )
        receivers_of(settings, rules_of(settings))["webhook"].send(alert())
    assert "dualtrack-signature" in server.received[0].headers
