"""TLS and SASL on a real Kafka: the commands work with them, and say at once what is wrong where they do not."""

import asyncio
import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiokafka
import confluent_kafka
import psutil
import pytest
from aiokafka.errors import KafkaError as AiokafkaError

from dualtrack.settings import Settings
from dualtrack.tools import reading
from dualtrack.topics import missing_topics
from publishers.sdk import Publisher, PublishError
from schemas.topics import ALL_TOPICS
from tests.dualtrack.kit import line
from tests.kafka.secured import KEY_PASSWORD, PASSWORD, Secured, secured_broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dualtrack"]
WRONG = "Wrong-pass-5d0f"
HOOK = "Hook-token-77aa"
SECRETS = (PASSWORD, KEY_PASSWORD, WRONG, HOOK)
EVENTS = 12
FIRST_SECONDS = 30.0
"""A refusal takes two; a machine that is busy with other tests takes longer."""

COMMANDS = {
    "publish": ("publish", "-", "--json"),
    "topics": ("topics", "apply"),
    "worker": ("worker", "validate"),
    "settle": ("worker", "settle"),
    "doctor": ("doctor", "--only", "broker", "--json"),
}

WAYS: dict[str, Callable[[Secured], dict[str, str]]] = {
    "scram-512": lambda secured: secured.environment("SCRAM-SHA-512"),
    "scram-256": lambda secured: secured.environment("SCRAM-SHA-256"),
    "plain": lambda secured: secured.environment("PLAIN"),
    "mutual": lambda secured: secured.environment_of_mutual(),
}

REFUSALS: dict[str, tuple[Callable[[Secured], dict[str, str]], str]] = {
    "wrong-password": (
        lambda secured: secured.environment("SCRAM-SHA-512", kafka_password_file="", kafka_password=WRONG),
        "does not let us in",
    ),
    "wrong-password-plain": (
        lambda secured: secured.environment("PLAIN", kafka_password_file="", kafka_password=WRONG),
        "does not let us in",
    ),
    "strange-authority": (
        lambda secured: secured.environment("SCRAM-SHA-512", kafka_ca_file=str(secured.files["other_ca"])),
        "no TLS with Kafka",
    ),
    "other-host-name": (
        lambda secured: secured.environment("PLAIN", kafka=secured.sasl.replace("127.0.0.1", "localhost")),
        "no TLS with Kafka",
    ),
    "no-certificate": (
        lambda secured: secured.environment_of_mutual(kafka_cert_file="", kafka_key_file="", kafka_key_password=""),
        "no TLS with Kafka",
    ),
}


@pytest.fixture(scope="module")
def secured(need_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture(autouse=True)
def no_secret_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does in this process, no log at any level may hold a secret."""
    caplog.set_level(logging.DEBUG)
    yield
    assert_clean(*(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.get_records("call")))


def assert_clean(*texts: str | bytes) -> None:
    for text in texts:
        told = text.decode(errors="replace") if isinstance(text, bytes) else text
        assert [secret for secret in SECRETS if secret in told] == []


def environment(home: Path, security: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DUALTRACK_")}
    hook = f"http://user:{HOOK}@127.0.0.1:9/{HOOK}?token={HOOK}"
    return {**own, **security, "DUALTRACK_HOME": str(home), "DUALTRACK_WEBHOOK_URL": hook, "COLUMNS": "120"}


def run(env: dict[str, str], *arguments: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([*COMMAND, *arguments], env=env, cwd=ROOT, input=input, capture_output=True, timeout=60)
    assert_clean(done.stdout, done.stderr)
    return done


def landed(home: Path, way: str) -> int:
    settings = Settings(home=home)
    if not settings.snapshot.exists():
        return 0
    with reading(settings) as connection:
        found = connection.execute("SELECT count(*) FROM events WHERE id LIKE ?", [f"{way}-%"]).fetchall()
    return int(found[0][0])


def settings_from(security: dict[str, str]) -> Settings:
    return Settings.model_validate({name.removeprefix("DUALTRACK_").lower(): text for name, text in security.items()})


@pytest.mark.parametrize("way", ["scram-512", "plain", "mutual"])
def test_everything_lands(secured: Secured, way: str, tmp_path: Path) -> None:
    env = environment(tmp_path, WAYS[way](secured))
    for arguments in (("topics", "apply"), ("doctor", "--only", "broker")):
        assert run(env, *arguments).returncode == 0
    lines = b"\n".join(line(number, id=f"{way}-{number}") for number in range(EVENTS))
    logs = {role: tmp_path / f"{role}.log" for role in ("validate", "settle")}
    workers = []
    try:
        for role, log in logs.items():
            with log.open("wb") as file:
                command = [*COMMAND, "worker", role]
                workers.append(subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file))
        assert run(env, "publish", "-", input=lines).returncode == 0
        deadline = time.monotonic() + 90
        while landed(tmp_path, way) < EVENTS:
            assert time.monotonic() < deadline, logs["settle"].read_text()[-2000:]
            assert [worker.poll() for worker in workers] == [None, None], logs["settle"].read_text()[-2000:]
            time.sleep(0.3)
        assert_clean(*(" ".join(psutil.Process(worker.pid).cmdline()) for worker in workers))
        for told in (("status",), ("status", "--json"), ("doctor", "--json")):
            run(env, *told)
        for worker in workers:
            worker.terminate()
            assert worker.wait(40) == 0
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert landed(tmp_path, way) == EVENTS
    assert_clean(*(log.read_bytes() for log in logs.values()))


@pytest.mark.parametrize(
    ("refusal", "command"),
    [
        *(("wrong-password", command) for command in COMMANDS),
        *(
            (refusal, command)
            for refusal in REFUSALS
            if refusal != "wrong-password"
            for command in ("publish", "doctor")
        ),
        ("strange-authority", "worker"),
        ("strange-authority", "topics"),
    ],
)
def test_a_refusal_is_told_at_once(secured: Secured, refusal: str, command: str, tmp_path: Path) -> None:
    made, said = REFUSALS[refusal]
    began = time.monotonic()
    done = run(environment(tmp_path, made(secured)), *COMMANDS[command], input=line(0, id="refused"))
    assert done.returncode == 1
    assert time.monotonic() - began < FIRST_SECONDS
    told = done.stdout + done.stderr
    assert said.encode() in told
    assert b"Traceback" not in told


def test_without_security_a_secured_listener_is_no_riddle(secured: Secured, tmp_path: Path) -> None:
    done = run(environment(tmp_path, {"DUALTRACK_KAFKA": secured.sasl}), *COMMANDS["doctor"])
    assert done.returncode == 1
    assert b"DUALTRACK_KAFKA_SECURITY" in done.stdout


@pytest.mark.parametrize("refusal", ["strange-authority", "other-host-name"])
def test_each_client_verifies_the_broker_by_itself(secured: Secured, refusal: str) -> None:
    """The commands ask through librdkafka first; none of the others may be saved by that."""
    settings = settings_from(REFUSALS[refusal][0](secured))
    assert settings.kafka
    with pytest.raises(PublishError, match="CERTIFICATE_VERIFY_FAILED"):
        Publisher(settings.kafka, "test", options={**settings.kafka_python(), "bootstrap_timeout_ms": 2000})
    asyncio.run(aiokafka_is_refused(settings))
    client = confluent_kafka.Consumer({"bootstrap.servers": settings.kafka, "group.id": "x", **settings.librdkafka()})
    with pytest.raises(confluent_kafka.KafkaException):
        client.list_topics(timeout=2)
    client.close()


async def aiokafka_is_refused(settings: Settings) -> None:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=settings.kafka, **settings.kafka_python())
    try:
        with pytest.raises(AiokafkaError):
            await consumer.start()
    finally:
        await consumer.stop()


@pytest.mark.parametrize("way", WAYS)
def test_each_client_is_let_in_and_logs_no_secret_at_any_level(secured: Secured, way: str) -> None:
    settings = settings_from(WAYS[way](secured))
    assert settings.kafka
    assert set(missing_topics(settings.kafka, settings.kafka_python())) <= set(ALL_TOPICS)
    with Publisher(settings.kafka, "test", options=settings.kafka_python()):
        pass
    asyncio.run(aiokafka_is_let_in(settings))


async def aiokafka_is_let_in(settings: Settings) -> None:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=settings.kafka, **settings.kafka_python())
    await consumer.start()
    try:
        assert await consumer.topics() is not None
    finally:
        await consumer.stop()


def test_the_sdk_says_why_it_was_refused(secured: Secured) -> None:
    settings = settings_from(REFUSALS["wrong-password"][0](secured))
    assert settings.kafka
    with pytest.raises(PublishError, match="hangs up on a wrong user or password") as refused:
        Publisher(settings.kafka, "test", options={**settings.kafka_python(), "bootstrap_timeout_ms": 2000})
    assert_clean(str(refused.value))


def test_the_context_verifies_names_and_takes_no_old_tls(secured: Secured) -> None:
    context = settings_from(secured.environment("PLAIN")).kafka_python()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
