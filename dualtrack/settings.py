"""All settings, each with its reason; the only reader of the environment."""

from pathlib import Path

from pydantic import AnyHttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict

BROKER_FILE = "broker.address"


class Settings(BaseSettings):
    """Settings from ``DUALTRACK_*`` variables. ``.env`` files are not read: a shell or compose does that."""

    model_config = SettingsConfigDict(env_prefix="DUALTRACK_", env_ignore_empty=True, frozen=True)

    home: Path = Path("var")
    """Folder of everything that dualtrack writes."""

    kafka: str | None = None
    """Bootstrap servers, ``host:port,host:port``. Without it, a broker that runs under the home: the embedded one of
    ``up --embedded``, or the real one of ``broker start``."""

    cache: Path = Path("~/.cache/dualtrack")
    """Where Maven's copy of Kafka is kept, for ``broker start``."""

    webhook_url: AnyHttpUrl | None = None
    """Where milestones are posted as JSON."""

    session_timeout_s: float = 10.0
    """How long after a worker was killed its partitions go to another; a stop gives them away at once. Kafka's brokers
    refuse less than 6 (``group.min.session.timeout.ms``)."""

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
    def broker_file(self) -> Path:
        """Where a running ``up --embedded`` notes its address, so that other commands find it."""
        return self.home / BROKER_FILE

    @property
    def local_broker_folder(self) -> Path:
        """Data, log and address of the Kafka of ``broker start``."""
        return self.home / "kafka"

    def bootstrap_servers(self) -> str | None:
        """The configured broker, else the one that runs under this home, else None."""
        return self.kafka or _address_in(self.broker_file) or _address_in(self.local_broker_folder / "address")

    def uses_embedded(self) -> bool:
        """Is the broker the try-out one, which knows neither idempotence nor administration?"""
        return self.kafka is None and _address_in(self.broker_file) is not None

    def receivers(self) -> tuple[str, ...]:
        """Who is told of milestones."""
        return ("topic", "file", "webhook") if self.webhook_url else ("topic", "file")


def _address_in(file: Path) -> str | None:
    return file.read_text().strip() or None if file.is_file() else None


def load_settings(home: Path | None = None) -> Settings:
    """Settings from the environment; ``home`` (the option ``--home``) wins. Raises pydantic's ValidationError."""
    return Settings(home=home) if home else Settings()
