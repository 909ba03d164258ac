"""The file of alert rules and the receivers that it names, built from settings, the environment and files of secrets.

A secret stands in the environment or in a file of its own; the rules only say where. Nothing here tells what it found.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dualtrack.secrets import BadSecret, Hidden, checked_url, warn_if_readable
from dualtrack.settings import Settings, environment_variable

if TYPE_CHECKING:
    from predictions.alert_rules import AlertRules
    from predictions.alert_rules import Receiver as Entry
    from predictions.definition import Path as Place
    from sinks.receivers import Receiver


def rules_of(settings: Settings) -> "AlertRules":
    """The rules that hold. Raises BrokenRules."""
    from predictions.alert_file import load_rules

    return load_rules(settings.alert_rules)


def receivers_of(settings: Settings, rules: "AlertRules") -> "dict[str, Receiver]":
    """Every receiver that alerts leave for from here, by name; the topic is the producer's. Raises BrokenRules where a
    secret is missing or an address is none, and BadSecret about the settings."""
    from sinks.receivers import FILE, WEBHOOK, FileReceiver, Receiver, WebhookReceiver

    found: dict[str, Receiver] = {FILE: FileReceiver(settings.alerts_file)}
    webhook = settings.webhook()
    if webhook:
        found[WEBHOOK] = WebhookReceiver(webhook, secret=settings.webhook_key())
    for name, entry in rules.receivers.items():
        found[name] = _receiver(rules, ("receivers", name), entry)
    return found


def check_rules_of(settings: Settings) -> "AlertRules":
    """Read the rules, plan their queries on an empty store in memory, and build their receivers; nothing is sent.

    Raises BrokenRules with file, line and what to change; takes about a second.
    """
    from dualtrack.definitions import empty_store
    from pipeline.telling import Teller
    from predictions.load import load_definitions

    rules = rules_of(settings)
    receivers_of(settings, rules)
    with empty_store() as connection:
        Teller(settings.receivers(), rules, load_definitions()).check(connection)
    return rules


def secrets_in_rules(settings: Settings) -> Iterator[str]:
    """Every secret that the rules name, for the log to hide; nothing where the file is broken: the start tells that."""
    from predictions.alert_file import BrokenRules
    from predictions.alert_rules import REFERENCE

    if settings.alert_rules is None:
        return
    try:
        rules = rules_of(settings)
    except BrokenRules:
        return
    for name, entry in rules.receivers.items():
        for kind in ("apprise", "webhook"):
            part = getattr(entry, kind)
            for field in ("url", "secret"):
                for variable in REFERENCE.findall(getattr(part, field, None) or ""):
                    value = environment_variable(variable)
                    if value is not None:
                        yield value.get_secret_value()
                with suppress(BrokenRules):
                    yield _secret(rules, ("receivers", name, kind), part, field) or ""


def _receiver(rules: "AlertRules", place: "Place", entry: "Entry") -> "Receiver":
    from predictions.alert_file import BrokenRules
    from sinks.receivers import FileReceiver, WebhookReceiver

    if entry.file is not None:
        return FileReceiver(_beside(rules, entry.file.path))
    if entry.webhook is not None:
        here = (*place, "webhook")
        url = _secret(rules, here, entry.webhook, "url") or ""
        try:
            return WebhookReceiver(checked_url("url", url), secret=_secret(rules, here, entry.webhook, "secret"))
        except BadSecret as error:
            raise BrokenRules(f"{rules.origin.at((*here, 'url'))}: {error}") from None
    from sinks.apprise_receiver import AppriseReceiver, BadAddress

    here = (*place, "apprise")
    try:
        return AppriseReceiver(_secret(rules, here, entry.apprise, "url") or "")
    except BadAddress as error:
        raise BrokenRules(f"{rules.origin.at((*here, 'url'))}: {error}") from None


def _secret(rules: "AlertRules", place: "Place", part: object, field: str) -> str | None:
    """The text of a field, its variables filled in, or what its file holds; None where neither is given."""
    from predictions.alert_file import BrokenRules
    from predictions.alert_rules import REFERENCE

    given, file = getattr(part, field, None), getattr(part, f"{field}_file", None)
    if given is not None:
        where = rules.origin.at((*place, field))
        values = {}
        for name in REFERENCE.findall(given):
            value = environment_variable(name)
            if value is None:
                raise BrokenRules(f"{where}: the environment has no {name}: set it, or write {field}_file: path")
            values[name] = value.get_secret_value()
        return Hidden(REFERENCE.sub(lambda found: values[found[1]], given))
    if file is None:
        return None
    where, path = rules.origin.at((*place, f"{field}_file")), _beside(rules, file)
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BrokenRules(f"{where}: {path}: {reason}. Name a file that can be read, with the secret in it") from None
    if not text:
        raise BrokenRules(f"{where}: {path} is empty: write the secret into it")
    warn_if_readable(f"{where}: {field}_file", path)
    return Hidden(text)


def _beside(rules: "AlertRules", path: str) -> Path:
    """Paths count from the folder of the rules."""
    return Path(rules.origin.file).parent / Path(path).expanduser()
