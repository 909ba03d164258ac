"""All settings, each with its reason; the only reader of the environment."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dualtrack.kafka_security import KafkaSecurity
from dualtrack.secrets import checked_url, secret_of

BROKER_FILE = "broker.address"
HTTP_OFF: Final = "off"


class Settings(KafkaSecurity, BaseSettings):
    """Settings from ``DUALTRACK_*`` variables. ``.env`` files are not read: a shell or compose does that.

    Where Kafka is and how the connection is secured stands in ``KafkaSecurity``.
    """

    model_config = SettingsConfigDict(
        env_prefix="DUALTRACK_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    home: Path = Path("var")
    """Folder of everything that dualtrack writes."""

    cache: Path = Path("~/.cache/dualtrack")
    """Where Maven's copy of Kafka is kept, for ``broker start``."""

    webhook_url: SecretStr | None = None
    """Where milestones are posted as JSON. Such addresses hold secrets, so nothing shows more than the host; or:"""

    webhook_url_file: Path | None = None
    """A file that holds the address."""

    webhook_secret: SecretStr | None = None
    """The key with which what is posted there is signed (docs/alerts.md); or:"""

    webhook_secret_file: Path | None = None
    """A file that holds the key."""

    alert_rules: Path | None = None
    """Who is told of what, a YAML file (docs/alerts.md). Where unset, everybody hears of every milestone."""

    session_timeout_s: float = 10.0
    """How long after a worker was killed its partitions go to another; a stop gives them away at once. Kafka's brokers
    refuse less than 6 (``group.min.session.timeout.ms``)."""

    stall_s: Annotated[float, Field(ge=5)] = 300.0
    """A worker that hangs for so long (records wait and none is finished, a step does not end, the event loop does not
    turn) says where and ends with exit code 1. After a fifth of it /health and /ready are red."""

    duckdb_memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")] | None = None
    """What DuckDB may take in settle, such as ``2GB``; queries that need more spill to disk. Where unset, 4 GB, or 80 %
    of the machine's memory where that is less. See docs/operations-memory.md before you set less than 1 GB."""

    definitions: Annotated[str, Field(min_length=1)] = "seed"
    """Which predictions are judged, separated by commas: ``seed`` (the article's), ``calibration`` (those that public
    data decide; docs/calibration.md), or folders of definitions of your own. Each costs time with every batch."""

    accept_log_gap: bool = False
    """Go on where Kafka no longer has the next record to read, instead of stopping: what it deleted is lost. For one
    start, after you have looked into it."""

    reject_limit_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """A validate worker stops, with exit code 1, when more than this share (0 to 1) of its last inputs is rejected. Off
    where unset: nothing rejected is lost, and with it whoever may publish can stop the pipeline."""

    reject_limit_window: Annotated[int, Field(ge=200)] = 1000
    """How many inputs that share looks back on; it counts once 200 were seen."""

    reject_limit_per_minute: Annotated[int, Field(ge=0)] | None = None
    """The same for the number of rejections within a minute, per worker."""

    http: str | None = None
    """Where a worker serves /metrics, /health and /ready: ``host:port``, or ``off``. Without it, on 127.0.0.1 at a port
    by role (``up`` 9470, ``validate`` 9471, ``settle`` 9472), or a free one where that is taken."""

    log: Literal["text", "json"] = "text"
    """How workers log on standard error: ``text`` for people, ``json`` for programs, one object a line."""

    @field_validator("http")
    @classmethod
    def _check_http(cls, value: str | None) -> str | None:
        if value not in (None, HTTP_OFF):
            split_address(str(value))
        return value

    @model_validator(mode="after")
    def _check_webhook(self) -> Self:
        if self.webhook_url is not None:
            if self.webhook_url_file is not None:
                raise ValueError("DUALTRACK_WEBHOOK_URL and DUALTRACK_WEBHOOK_URL_FILE are both set: unset one of them")
            checked_url("DUALTRACK_WEBHOOK_URL", self.webhook_url.get_secret_value())
        if self.webhook_secret is not None and self.webhook_secret_file is not None:
            raise ValueError("DUALTRACK_WEBHOOK_SECRET and DUALTRACK_WEBHOOK_SECRET_FILE are both set: unset one")
        return self

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the settings whose values nothing may show."""
        return frozenset(name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation))

    @property
    def definition_sets(self) -> tuple[str, ...]:
        """Names of sets and folders of definitions."""
        return tuple(name.strip() for name in self.definitions.split(",") if name.strip())

    @property
    def database(self) -> Path:
        """The live DuckDB file; one process at a time may have it open while settle writes."""
        return self.home / "dualtrack.duckdb"

    @property
    def snapshot(self) -> Path:
        """The file for analysts: any DuckDB client may open it at any time."""
        return self.home / "dualtrack.snapshot.duckdb"

    @property
    def alerts_file(self) -> Path:
        """Milestones as JSON lines."""
        return self.home / "alerts.jsonl"

    @property
    def workers_folder(self) -> Path:
        """Where running workers note their HTTP address, for ``dualtrack status``."""
        return self.home / "workers"

    @property
    def broker_file(self) -> Path:
        """Where a running ``up --embedded`` notes its address, so that other commands find it."""
        return self.home / BROKER_FILE

    @property
    def local_broker_folder(self) -> Path:
        """Data, log and address of the Kafka of ``broker start``."""
        return self.home / "kafka"

    def make_home(self) -> None:
        """Make the folder for all data, for this user only; one that is there keeps the rights that it was given."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def bootstrap_servers(self) -> str | None:
        """The configured broker, else the one that runs under this home, else None."""
        return self.kafka or _address_in(self.broker_file) or _address_in(self.local_broker_folder / "address")

    def uses_embedded(self) -> bool:
        """Is the broker the try-out one, which knows neither idempotence nor administration?"""
        return self.kafka is None and _address_in(self.broker_file) is not None

    def receivers(self) -> tuple[str, ...]:
        """Who is told of milestones."""
        told = self.webhook_url or self.webhook_url_file
        return ("topic", "file", "webhook") if told else ("topic", "file")

    def webhook(self) -> str | None:
        """The whole address of the webhook, a secret: for the receiver only. Raises BadSecret where its file is bad."""
        if self.webhook_url is None and self.webhook_url_file is None:
            return None
        url = secret_of("DUALTRACK_WEBHOOK_URL", self.webhook_url, self.webhook_url_file)
        return checked_url("DUALTRACK_WEBHOOK_URL_FILE", url)

    def webhook_key(self) -> str | None:
        """The key of the webhook's signature, for the receiver only; None where it is not signed. Raises BadSecret."""
        if self.webhook_secret is None and self.webhook_secret_file is None:
            return None
        return secret_of("DUALTRACK_WEBHOOK_SECRET", self.webhook_secret, self.webhook_secret_file)


def environment_variable(name: str) -> SecretStr | None:
    """What a file of ours names as ``${NAME}``; None where that is unset or empty."""
    value = os.environ.get(name)
    return SecretStr(value) if value else None


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[::1]:port``; raises ValueError with the expected form."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or parts.netloc != address or "@" in address:
        raise ValueError("write host:port, for example 127.0.0.1:9472, or off")
    return host, port


def _address_in(file: Path) -> str | None:
    return file.read_text().strip() or None if file.is_file() else None


def load_settings(home: Path | None = None) -> Settings:
    """Settings from the environment; ``home`` (the option ``--home``) wins. Raises pydantic's ValidationError."""
    return Settings(home=home) if home else Settings()
