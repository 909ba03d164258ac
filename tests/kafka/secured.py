"""A real Kafka that lets nobody in without TLS: one broker, its listeners side by side, certificates made here."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme
from confluent_kafka import admin
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dualtrack.broker.local import LocalBroker
from dualtrack.settings import Settings
from dualtrack.tools import topics_on_broker

USER: Final = "curator"
PASSWORD: Final = "Kafka-pass-b7e2 with ; and = signs"
KEY_PASSWORD: Final = "Key-pass-91c4"


@dataclass(frozen=True)
class Secured:
    """Where the broker listens, and the files that its clients need."""

    sasl: str
    """SASL_SSL: SCRAM-SHA-512, SCRAM-SHA-256, PLAIN. Its certificate is for 127.0.0.1 only."""

    mutual: str
    """TLS that asks for a client certificate."""

    files: Mapping[str, Path]
    """``ca``, ``other_ca``, ``cert``, ``key``, ``password``."""

    def environment(self, mechanism: str, **more: str) -> dict[str, str]:
        """What a user would export for that mechanism; ``more`` wins."""
        usual = {
            "kafka": self.sasl,
            "kafka_security": "sasl_ssl",
            "kafka_sasl_mechanism": mechanism,
            "kafka_username": USER,
            "kafka_password_file": str(self.files["password"]),
            "kafka_ca_file": str(self.files["ca"]),
        }
        return {f"DUALTRACK_{name.upper()}": value for name, value in (usual | more).items() if value}

    def environment_of_mutual(self, **more: str) -> dict[str, str]:
        """The same for the client certificate."""
        usual = {
            "kafka": self.mutual,
            "kafka_security": "ssl",
            "kafka_ca_file": str(self.files["ca"]),
            "kafka_cert_file": str(self.files["cert"]),
            "kafka_key_file": str(self.files["key"]),
            "kafka_key_password": KEY_PASSWORD,
        }
        return {f"DUALTRACK_{name.upper()}": value for name, value in (usual | more).items() if value}


@contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Run it, with USER known to every mechanism."""
    files = _files(folder)
    ports = _free_ports(2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    listeners = [f"SASL_SSL://{addresses[0]}", f"MUTUAL://{addresses[1]}"]
    cache = Settings().cache.expanduser()
    broker = LocalBroker(folder / "kafka", cache, _overrides(folder), listeners)
    status = broker.start(0, lambda address: topics_on_broker(address, 2.0) is not None)
    try:
        assert status.bootstrap_servers
        _add_scram_user(status.bootstrap_servers)
        yield Secured(sasl=addresses[0], mutual=addresses[1], files=files)
    finally:
        broker.stop()


def _files(folder: Path) -> dict[str, Path]:
    authority, other = trustme.CA(), trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert(f"{USER}@example.org")
    names = ("ca", "other_ca", "cert", "key", "password", "server")
    files = {name: folder / f"{name}.pem" for name in names}
    authority.cert_pem.write_to_path(files["ca"])
    other.cert_pem.write_to_path(files["other_ca"])
    client.cert_chain_pems[0].write_to_path(files["cert"])
    files["key"].write_bytes(_pkcs8(client, KEY_PASSWORD))
    files["password"].write_text(PASSWORD + "\n")
    files["server"].write_bytes(_pkcs8(server) + server.cert_chain_pems[0].bytes())
    for name in ("key", "password", "server"):
        files[name].chmod(0o600)
    del files["server"]
    return files


def _pkcs8(cert: trustme.LeafCert, password: str = "") -> bytes:
    """Its private key as Kafka reads it."""
    key = load_pem_private_key(cert.private_key_pem.bytes(), None)
    hidden = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


def _overrides(folder: Path) -> dict[str, str]:
    security = "org.apache.kafka.common.security"
    scram = f"{security}.scram.ScramLoginModule required;"
    return {
        "listener.security.protocol.map": ("PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL"),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{security}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
    }


def _add_scram_user(bootstrap_servers: str) -> None:
    # The package exports these names without saying so to mypy.
    api: Any = admin
    client = api.AdminClient({"bootstrap.servers": bootstrap_servers})
    # Kafka takes one change of a user per request.
    for mechanism in (api.ScramMechanism.SCRAM_SHA_256, api.ScramMechanism.SCRAM_SHA_512):
        info = api.ScramCredentialInfo(mechanism, 4096)
        wanted = api.UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        for future in client.alter_user_scram_credentials([wanted]).values():
            future.result(timeout=20)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
