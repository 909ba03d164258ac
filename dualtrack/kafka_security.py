"""TLS and SASL for Kafka: the settings, and their translation for the three clients, in this one place.

``librdkafka()`` speaks to confluent-kafka (writing, metadata), ``kafka_python()`` to kafka-python (publishing, topics)
and, through ``pipeline.credentials``, to Faust's aiokafka (reading). Host names are always verified: whoever has a
certificate of an own authority names that in DUALTRACK_KAFKA_CA_FILE; there is no switch that turns verification off.
"""

import logging
import ssl
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, SecretStr, model_validator

from dualtrack.secrets import BadSecret, Hidden, secret_of, warn_if_readable, warn_once

Protocol = Literal["plaintext", "ssl", "sasl_ssl", "sasl_plaintext"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]

_MECHANISMS: Final = "SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"
_SASL_FIELDS: Final = ("kafka_sasl_mechanism", "kafka_username", "kafka_password", "kafka_password_file")
_TLS_FIELDS: Final = (
    "kafka_ca_file",
    "kafka_cert_file",
    "kafka_key_file",
    "kafka_key_password",
    "kafka_key_password_file",
)


def _variable(field: str) -> str:
    return f"DUALTRACK_{field.upper()}"


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class KafkaSecurity(BaseModel):
    """The part of the settings that says how a Kafka connection is secured. Secrets are shown by nothing."""

    kafka: str | None = None
    """Bootstrap servers, ``host:port,host:port``. Without it, a broker that runs under the home: the embedded one of
    ``up --embedded``, or the real one of ``broker start``; both listen on loopback only, in plaintext."""

    kafka_security: Annotated[Protocol, BeforeValidator(_lower)] = "plaintext"
    """``plaintext``, ``ssl`` (TLS, and a client certificate where one is named), ``sasl_ssl`` (TLS and a password) or
    ``sasl_plaintext`` (a password without TLS)."""

    kafka_sasl_mechanism: Annotated[Mechanism | None, BeforeValidator(_upper)] = None
    """How the password is proven: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN."""

    kafka_username: str | None = None
    """Who we are, with ``sasl_ssl`` and ``sasl_plaintext``."""

    kafka_password: SecretStr | None = None
    """The password of that user, or:"""

    kafka_password_file: Path | None = None
    """A file that holds the password, as containers get their secrets."""

    kafka_ca_file: Path | None = None
    """Certificates (PEM) of the authorities that may vouch for the broker, instead of the system's."""

    kafka_cert_file: Path | None = None
    """Our own certificate and its chain (PEM), for brokers that ask for one."""

    kafka_key_file: Path | None = None
    """Its private key (PEM); without it the key stands in the certificate's file."""

    kafka_key_password: SecretStr | None = None
    """What the private key is encrypted with, or:"""

    kafka_key_password_file: Path | None = None
    """A file that holds it."""

    @model_validator(mode="after")
    def _refuse_nonsense(self) -> Self:
        """Combinations that cannot work are refused at the start, with the variable and what to write."""
        for fault in (self._wrong_use(), self._wrong_sasl(), self._wrong_tls()):
            if fault:
                raise ValueError(fault)
        return self

    def _wrong_use(self) -> str | None:
        used = f"DUALTRACK_KAFKA_SECURITY={self.kafka_security}"
        if self.kafka_security != "plaintext" and not self.kafka:
            return f"{used} secures nothing without DUALTRACK_KAFKA: write DUALTRACK_KAFKA=host:port"
        fields = () if self._has_sasl else _SASL_FIELDS
        tls = () if self._has_tls else _TLS_FIELDS
        idle = next((name for name in (*fields, *tls) if getattr(self, name) is not None), None)
        if idle:
            write = "sasl_ssl" if idle in _SASL_FIELDS or self._has_sasl else "ssl"
            return f"{_variable(idle)} has no effect with {used}: write DUALTRACK_KAFKA_SECURITY={write}, or unset it"
        return None

    def _wrong_sasl(self) -> str | None:
        if not self._has_sasl:
            return None
        needs = f"DUALTRACK_KAFKA_SECURITY={self.kafka_security} needs"
        if self.kafka_sasl_mechanism is None:
            return f"{needs} DUALTRACK_KAFKA_SASL_MECHANISM: write {_MECHANISMS}"
        if self.kafka_username is None:
            return f"{needs} DUALTRACK_KAFKA_USERNAME: write the user's name"
        if self.kafka_password is None and self.kafka_password_file is None:
            return f"{needs} a password: write DUALTRACK_KAFKA_PASSWORD_FILE=path, or DUALTRACK_KAFKA_PASSWORD"
        return _both_given(self, "kafka_password")

    def _wrong_tls(self) -> str | None:
        rest = ("kafka_key_file", "kafka_key_password", "kafka_key_password_file")
        alone = next((name for name in rest if getattr(self, name) is not None), None)
        if alone and self.kafka_cert_file is None:
            return f"{_variable(alone)} needs the certificate: write DUALTRACK_KAFKA_CERT_FILE=path, or unset it"
        return _both_given(self, "kafka_key_password")

    @property
    def _has_tls(self) -> bool:
        return self.kafka_security in ("ssl", "sasl_ssl")

    @property
    def _has_sasl(self) -> bool:
        return self.kafka_security in ("sasl_ssl", "sasl_plaintext")

    def librdkafka(self) -> dict[str, str]:
        """For confluent-kafka's Producer, Consumer and AdminClient: ``{"bootstrap.servers": ..., **librdkafka()}``.

        Empty without security. Raises BadSecret that names the variable where a file cannot be used.
        """
        if self.kafka_security == "plaintext":
            return {}
        options = {"security.protocol": self.kafka_security.upper()}
        if self._has_tls:
            self._ssl_context()  # says what is wrong with a file better than librdkafka does
            options |= self._librdkafka_tls()
        if self._has_sasl:
            options |= {
                "sasl.mechanism": str(self.kafka_sasl_mechanism),
                "sasl.username": str(self.kafka_username),
                "sasl.password": self._password(),
            }
        return options

    def kafka_python(self) -> dict[str, Any]:
        """For kafka-python's clients, and under the same names for aiokafka. Empty without security.

        Raises BadSecret that names the variable where a file cannot be used.
        """
        if self.kafka_security == "plaintext":
            return {}
        options: dict[str, Any] = {"security_protocol": self.kafka_security.upper()}
        if self._has_tls:
            options["ssl_context"] = self._ssl_context()
        if self._has_sasl:
            _hush_packets()
            options |= {
                "sasl_mechanism": str(self.kafka_sasl_mechanism),
                "sasl_plain_username": str(self.kafka_username),
                "sasl_plain_password": self._password(),
            }
        return options

    def _librdkafka_tls(self) -> dict[str, str]:
        options = {"ssl.endpoint.identification.algorithm": "https", "enable.ssl.certificate.verification": "true"}
        if self.kafka_ca_file:
            options["ssl.ca.location"] = str(self.kafka_ca_file)
        if self.kafka_cert_file:
            options["ssl.certificate.location"] = str(self.kafka_cert_file)
            options["ssl.key.location"] = str(self.kafka_key_file or self.kafka_cert_file)
            password = self._key_password()
            if password:
                options["ssl.key.password"] = password
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.kafka_ca_file)
        except OSError as error:
            raise BadSecret(_unusable("kafka_ca_file", self.kafka_ca_file, error, "certificates in PEM")) from None
        if self.kafka_cert_file is None:
            return context
        key = self.kafka_key_file or self.kafka_cert_file
        for field, path in (("kafka_cert_file", self.kafka_cert_file), ("kafka_key_file", key)):
            try:
                path.read_bytes()
            except OSError as error:
                raise BadSecret(_unusable(field, path, error, "a file in PEM")) from None
        warn_if_readable("DUALTRACK_KAFKA_KEY_FILE", key)
        password = self._key_password()
        try:
            # A function, also where there is no password: OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.kafka_cert_file, key, password=lambda: str(password))
        except (OSError, ValueError):
            raise BadSecret(
                f"the certificate in DUALTRACK_KAFKA_CERT_FILE={self.kafka_cert_file} and the private key in {key} do "
                "not go together, are not PEM, or the key is encrypted with another password than "
                "DUALTRACK_KAFKA_KEY_PASSWORD(_FILE) says"
            ) from None
        return context

    def _password(self) -> Hidden:
        if self.kafka_security == "sasl_plaintext" and not _on_loopback(self.kafka or ""):
            warn_once(
                f"DUALTRACK_KAFKA_SECURITY=sasl_plaintext sends events to {self.kafka} unencrypted, and with PLAIN the "
                "password too: anybody on the way can read them. Write sasl_ssl"
            )
        return secret_of("DUALTRACK_KAFKA_PASSWORD", self.kafka_password, self.kafka_password_file)

    def _key_password(self) -> Hidden:
        if self.kafka_key_password is None and self.kafka_key_password_file is None:
            return Hidden("")
        return secret_of("DUALTRACK_KAFKA_KEY_PASSWORD", self.kafka_key_password, self.kafka_key_password_file)


def _hush_packets() -> None:
    """At level DEBUG kafka-python logs what it sends, and with PLAIN that is the password."""
    for name in ("kafka.protocol.parser", "kafka.net.connection", "aiokafka.conn"):
        logging.getLogger(name).setLevel(logging.INFO)


def _both_given(settings: KafkaSecurity, field: str) -> str | None:
    if getattr(settings, field) is None or getattr(settings, f"{field}_file") is None:
        return None
    return f"{_variable(field)} and {_variable(field)}_FILE are both set: unset one of them"


def _unusable(field: str, path: Path | None, error: OSError, wanted: str) -> str:
    reason = "not PEM" if isinstance(error, ssl.SSLError) else (error.strerror or type(error).__name__).lower()
    return f"{_variable(field)}={path}: {reason}. Name a file that holds {wanted}"


def _on_loopback(servers: str) -> bool:
    hosts = [server.strip().rpartition(":")[0].strip("[]") for server in servers.split(",") if server.strip()]
    return all(host in ("localhost", "::1") or host.startswith("127.") for host in hosts)
