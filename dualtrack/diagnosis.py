"""What ``dualtrack doctor`` looks at: each finding says what was found and, where it is wrong, how to mend it."""

import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dualtrack.settings import Settings

LIBRARIES: Final = (
    "faust-streaming",
    "aiokafka",
    "kafka-python",
    "confluent-kafka",
    "pydantic",
    "duckdb",
    "great-expectations",
)
_LEAST_FREE_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at. ``ok`` is None where it is neither right nor wrong (an option that is not used)."""

    name: str
    ok: bool | None
    found: str
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def python(_: Settings) -> Diagnosis:
    """Interpreter and platform."""
    return Diagnosis("python", True, f"{platform.python_version()} on {platform.platform()}")


def libraries(_: Settings) -> Diagnosis:
    """Versions of what we stand on."""
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Diagnosis("libraries", False, f"missing: {', '.join(missing)}", "run `make setup`")
    return Diagnosis("libraries", True, ", ".join(found))


def home(settings: Settings) -> Diagnosis:
    """Can we write our data, and is there room?"""
    folder = settings.home.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    elsewhere = "choose another with --home or DUALTRACK_HOME"
    if not existing.is_dir():
        return Diagnosis("home", False, f"{existing} is a file, a folder is needed", elsewhere)
    if not _writable(existing):
        return Diagnosis("home", False, f"{existing} is not writable", elsewhere)
    free = shutil.disk_usage(existing).free
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LEAST_FREE_BYTES:
        return Diagnosis("home", False, found, f"less than 1 GB is left: make room, or {elsewhere}")
    return Diagnosis("home", True, found)


def _writable(folder: Path) -> bool:
    # Asked by doing it: permission bits say nothing of read-only and pseudo file systems.
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def store(settings: Settings) -> Diagnosis:
    """Is there a database, can it be read, and does it look whole?"""
    import duckdb

    from dualtrack.tools import reading
    from schemas.faults import Fault
    from sinks.base import NothingToRead

    if not settings.database.exists() and not settings.snapshot.exists():
        mend = "run `dualtrack demo`, or `dualtrack load FILE`"
        return Diagnosis("store", None, f"nothing at {settings.database} yet", mend)
    try:
        with reading(settings) as connection:
            rows = connection.execute("SELECT outcome, count(*) FROM outcomes GROUP BY ALL ORDER BY 1").fetchall()
    except NothingToRead as told:
        return Diagnosis("store", None, str(told))
    except (Fault, duckdb.Error) as fault:
        mend = f"move {settings.database} away and load or replay anew, restore a copy, or choose another --home"
        return Diagnosis("store", False, str(fault), mend)
    counted = ", ".join(f"{count:,} {outcome}" for outcome, count in rows) or "empty"
    return Diagnosis("store", True, f"{settings.database}: {counted}")


def broker(settings: Settings) -> Diagnosis:
    """Does a Kafka answer, and does it have our topics?"""
    from dualtrack.tools import topics_on_broker
    from schemas.faults import TerminalFault
    from schemas.topics import ALL_TOPICS

    servers = settings.bootstrap_servers()
    if servers is None:
        return Diagnosis(
            "broker", None, "none configured", "set DUALTRACK_KAFKA=host:port, or try `dualtrack up --embedded`"
        )
    try:
        present = topics_on_broker(servers, 5.0, settings.librdkafka())
    except TerminalFault as refusal:
        return Diagnosis("broker", False, str(refusal), "mend the settings that it names")
    if present is None:
        mend = (
            "start it, or correct DUALTRACK_KAFKA and DUALTRACK_KAFKA_SECURITY"
            if settings.kafka
            else f"remove {settings.broker_file}, or run up again"
        )
        return Diagnosis("broker", False, f"nothing answers at {servers}", mend)
    missing = [topic for topic in ALL_TOPICS if topic not in present]
    if missing:
        return Diagnosis("broker", False, f"{servers} lacks {', '.join(missing)}", "run `dualtrack topics apply`")
    return Diagnosis("broker", True, f"{servers}, all {len(ALL_TOPICS)} topics are there")


def definitions(settings: Settings) -> Diagnosis:
    """Do the predictions' definitions read?"""
    from dualtrack.definitions import check_definitions
    from schemas.faults import Fault

    try:
        count = check_definitions(settings.definition_sets)
    except Fault as fault:
        return Diagnosis("definitions", False, str(fault), "mend the file at that line")
    return Diagnosis("definitions", True, f"{count} predictions, each readable and planned by DuckDB")


def alert_rules(settings: Settings) -> Diagnosis:
    """Can the rules be used, and their receivers be built? Nothing is sent."""
    from dualtrack.alerting import check_rules_of
    from schemas.faults import Fault

    if settings.alert_rules is None:
        return Diagnosis("alert rules", None, "none", "set DUALTRACK_ALERT_RULES to choose who is told of what")
    try:
        rules = check_rules_of(settings)
    except Fault as fault:
        return Diagnosis("alert rules", False, str(fault), "mend the file at that line")
    count = len(rules.rules)
    return Diagnosis("alert rules", True, f"{count} {'rule' if count == 1 else 'rules'} in {settings.alert_rules}")


def webhook(settings: Settings) -> Diagnosis:
    """Is somebody told by webhook? Nothing is sent: a doctor should not ring people up."""
    from schemas.faults import TerminalFault

    try:
        url = settings.webhook()
    except TerminalFault as fault:
        return Diagnosis("webhook", False, str(fault), "mend that file")
    if url is None:
        return Diagnosis("webhook", None, "none", "set DUALTRACK_WEBHOOK_URL to be told of milestones")
    # Only the host: path, query and user often hold a secret.
    return Diagnosis("webhook", True, str(urlsplit(url).hostname))


CHECKS: Final[dict[str, Callable[[Settings], Diagnosis]]] = {
    "python": python,
    "libraries": libraries,
    "home": home,
    "store": store,
    "broker": broker,
    "definitions": definitions,
    "alert rules": alert_rules,
    "webhook": webhook,
}
"""All checks, in the order in which they are shown."""

_WITHOUT_SETTINGS: Final = frozenset({"python", "libraries", "definitions"})


def examine(settings: Settings, only: list[str] | None = None) -> list[Diagnosis]:
    """Run the checks; raises KeyError for a name that is not among CHECKS."""
    return [CHECKS[name](settings) for name in only or CHECKS]


def examine_without_settings(fault: str, only: list[str] | None = None) -> list[Diagnosis]:
    """What can be looked at where a setting is wrong: the fault, and the checks that need no settings."""
    usual = Settings.model_construct()
    names = [name for name in (only or CHECKS) if name in _WITHOUT_SETTINGS]
    wrong = Diagnosis("settings", False, fault, "then run `dualtrack doctor` again: the other checks need the settings")
    return [wrong, *(CHECKS[name](usual) for name in names)]


def healthy(diagnoses: list[Diagnosis]) -> bool:
    """Is nothing wrong?"""
    return all(diagnosis.ok is not False for diagnosis in diagnoses)
