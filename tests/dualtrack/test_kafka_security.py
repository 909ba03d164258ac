"""Settings of a secured Kafka: what they become for each client, and which make no sense."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from dualtrack import secrets
from dualtrack.cli.output import wrong_setting
from dualtrack.kafka_security import KafkaSecurity
from dualtrack.secrets import BadSecret
from dualtrack.settings import Settings, load_settings
from pipeline.credentials import faust_credentials
from tests.dualtrack.kit import dualtrack

PASSWORD = "distinctive-c0ffee"
SASL = {
    "kafka": "kafka.example.org:9093",
    "kafka_security": "sasl_ssl",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "curator",
    "kafka_password": PASSWORD,
}


@pytest.fixture(autouse=True)
def each_warning_again() -> None:
    secrets.warn_once.cache_clear()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def settings(**fields: Any) -> Settings:
    return Settings.model_validate({name: value for name, value in fields.items() if value is not None})


def refusal(**fields: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**fields)
    assert PASSWORD not in str(refused.value)
    told = wrong_setting(refused.value)
    assert PASSWORD not in told
    return told


def test_plaintext_adds_nothing() -> None:
    assert settings(kafka="h:1").librdkafka() == {}
    assert settings(kafka="h:1").kafka_python() == {}
    assert faust_credentials({}) is None


def test_sasl_for_each_client() -> None:
    found = settings(**SASL)
    assert found.librdkafka() == {
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        "enable.ssl.certificate.verification": "true",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "curator",
        "sasl.password": PASSWORD,
    }
    options = found.kafka_python()
    assert options["security_protocol"] == "SASL_SSL"
    assert options["ssl_context"].check_hostname
    faust = faust_credentials(options)
    assert (faust.protocol.value, faust.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (faust.username, faust.password) == ("curator", PASSWORD)


def test_the_environment_is_read_in_either_case(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SASL | {"kafka_security": "SASL_SSL", "kafka_sasl_mechanism": "scram-sha-512"}).items():
        monkeypatch.setenv(f"DUALTRACK_{name.upper()}", value)
    assert load_settings().librdkafka() == settings(**SASL).librdkafka()


@pytest.mark.parametrize(
    ("change", "named", "write"),
    [
        ({"kafka": None}, "DUALTRACK_KAFKA_SECURITY=sasl_ssl", "write DUALTRACK_KAFKA=host:port"),
        ({"kafka_security": "plaintext"}, "DUALTRACK_KAFKA_SASL_MECHANISM", "write DUALTRACK_KAFKA_SECURITY=sasl_ssl"),
        ({"kafka_security": "ssl"}, "DUALTRACK_KAFKA_SASL_MECHANISM", "write DUALTRACK_KAFKA_SECURITY=sasl_ssl"),
        ({"kafka_security": "tls"}, "DUALTRACK_KAFKA_SECURITY=tls", "'sasl_ssl'"),
        (
            {"kafka_sasl_mechanism": None},
            "DUALTRACK_KAFKA_SASL_MECHANISM",
            "write SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
        ),
        ({"kafka_sasl_mechanism": "GSSAPI"}, "DUALTRACK_KAFKA_SASL_MECHANISM=GSSAPI", "'PLAIN'"),
        ({"kafka_username": None}, "DUALTRACK_KAFKA_USERNAME", "write the user's name"),
        ({"kafka_password": None}, "needs a password", "DUALTRACK_KAFKA_PASSWORD_FILE=path"),
        ({"kafka_password_file": "/x"}, "DUALTRACK_KAFKA_PASSWORD_FILE are both set", "unset one"),
        ({"kafka_key_file": "/x"}, "DUALTRACK_KAFKA_KEY_FILE", "write DUALTRACK_KAFKA_CERT_FILE=path"),
        (
            {"kafka_security": "sasl_plaintext", "kafka_ca_file": "/x"},
            "DUALTRACK_KAFKA_CA_FILE has no effect",
            "write DUALTRACK_KAFKA_SECURITY=sasl_ssl",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(change: dict[str, Any], named: str, write: str) -> None:
    told = refusal(**{**SASL, **change})
    assert named in told
    assert write in told


def test_a_ca_without_tls_is_pointed_to_tls() -> None:
    assert "write DUALTRACK_KAFKA_SECURITY=ssl" in refusal(kafka="h:1", kafka_ca_file="/x")


def test_there_is_no_switch_that_turns_verification_off() -> None:
    names = " ".join(KafkaSecurity.model_fields)
    assert not any(word in names for word in ("verify", "insecure", "check", "trust"))


def test_a_password_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD} \r\n")
    file.chmod(0o600)
    found = settings(**{**SASL, "kafka_password": None, "kafka_password_file": file})
    assert found.librdkafka()["sasl.password"] == f"{PASSWORD} "


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_file_that_cannot_serve_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    found = settings(**{**SASL, "kafka_password": None, "kafka_password_file": file})
    with pytest.raises(BadSecret, match=f"DUALTRACK_KAFKA_PASSWORD_FILE={file}"):
        found.kafka_python()


def test_a_file_that_everybody_may_read_is_warned_about_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    file.chmod(0o644)
    found = settings(**{**SASL, "kafka_password": None, "kafka_password_file": file})
    found.librdkafka()
    found.kafka_python()
    assert [record.message for record in caplog.records] == [
        f"DUALTRACK_KAFKA_PASSWORD_FILE={file} is readable by everybody on this machine: chmod 600 {file}"
    ]


@pytest.mark.parametrize(("servers", "warned"), [("127.0.0.1:9,[::1]:9,localhost:9", False), ("localhost:9,k:9", True)])
def test_a_password_without_tls_is_warned_about_outside_this_machine(
    servers: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings(**{**SASL, "kafka": servers, "kafka_security": "sasl_plaintext"}).librdkafka()
    assert ("unencrypted" in caplog.text) is warned


def test_a_client_certificate_for_each_client(tmp_path: Path, authority: trustme.CA) -> None:
    both, ca = tmp_path / "both.pem", tmp_path / "ca.pem"
    authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(both)
    both.chmod(0o600)
    authority.cert_pem.write_to_path(ca)
    found = settings(kafka="h:1", kafka_security="ssl", kafka_ca_file=ca, kafka_cert_file=both)
    assert found.librdkafka() | {"ssl.endpoint.identification.algorithm": ""} == {
        "security.protocol": "SSL",
        "ssl.endpoint.identification.algorithm": "",
        "enable.ssl.certificate.verification": "true",
        "ssl.ca.location": str(ca),
        "ssl.certificate.location": str(both),
        "ssl.key.location": str(both),
    }
    assert len(found.kafka_python()["ssl_context"].get_ca_certs()) == 1
    assert faust_credentials(found.kafka_python()).protocol.value == "SSL"


def test_files_of_tls_that_cannot_serve_are_named(tmp_path: Path, authority: trustme.CA) -> None:
    missing, nonsense, cert, key = (tmp_path / name for name in ("missing", "nonsense", "cert", "key"))
    nonsense.write_text("no certificate")
    authority.issue_cert("a@example.org").cert_chain_pems[0].write_to_path(cert)
    authority.issue_cert("b@example.org").private_key_pem.write_to_path(key)
    tls = {"kafka": "h:1", "kafka_security": "ssl"}
    for fields, told in (
        ({"kafka_ca_file": missing}, f"DUALTRACK_KAFKA_CA_FILE={missing}: no such file"),
        ({"kafka_ca_file": nonsense}, f"DUALTRACK_KAFKA_CA_FILE={nonsense}: not PEM"),
        ({"kafka_cert_file": missing}, f"DUALTRACK_KAFKA_CERT_FILE={missing}: no such file"),
        ({"kafka_cert_file": cert, "kafka_key_file": missing}, f"DUALTRACK_KAFKA_KEY_FILE={missing}: no such file"),
        ({"kafka_cert_file": cert, "kafka_key_file": key}, f"{cert} and the private key in {key} do not go together"),
        ({"kafka_cert_file": cert}, "do not go together"),
    ):
        with pytest.raises(BadSecret, match=told):
            settings(**tls, **fields).librdkafka()


def test_secrets_are_shown_by_nothing() -> None:
    found = settings(**SASL, webhook_url=f"https://u:{PASSWORD}@example.org/{PASSWORD}?t={PASSWORD}")
    shown = [
        repr(found),
        str(found),
        found.model_dump_json(),
        repr(found.librdkafka()),
        repr(found.kafka_python()),
        f"{found.librdkafka()}",
        repr(faust_credentials(found.kafka_python())),
        json.dumps(found.model_dump(mode="json")),
    ]
    assert [text for text in shown if PASSWORD in text] == []
    assert PASSWORD in (found.webhook() or "")


def test_kafka_python_does_not_log_its_packets_where_there_is_a_password() -> None:
    settings(**SASL).kafka_python()
    for name in ("kafka.protocol.parser", "kafka.net.connection"):
        assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)


def test_the_webhook_comes_from_a_file_too_and_its_errors_show_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hook"
    file.write_text("https://example.org/hook?token=1\n")
    found = settings(webhook_url_file=file)
    assert found.webhook() == "https://example.org/hook?token=1"
    assert "webhook" in found.receivers()
    file.write_text(PASSWORD)
    with pytest.raises(BadSecret, match="DUALTRACK_WEBHOOK_URL_FILE holds no address") as refused:
        found.webhook()
    assert PASSWORD not in str(refused.value)
    assert "both set" in refusal(webhook_url="https://a.example", webhook_url_file=file)
    assert "holds no address" in refusal(webhook_url=PASSWORD)


def test_a_wrong_setting_is_told_by_every_command_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", "h:1")
    monkeypatch.setenv("DUALTRACK_KAFKA_PASSWORD", PASSWORD)
    monkeypatch.setenv("DUALTRACK_WEBHOOK_URL", f"ftp//{PASSWORD}")
    for command in (("publish", "-"), ("topics", "apply"), ("worker", "validate"), ("query", "SELECT 1")):
        said = dualtrack(*command, home=tmp_path, input=b"", exit_code=2)
        assert "DUALTRACK_KAFKA_PASSWORD has no effect" in said.stderr
        assert PASSWORD not in said.output
    said = dualtrack("doctor", "--only", "python", home=tmp_path, exit_code=1)
    assert PASSWORD not in said.output
