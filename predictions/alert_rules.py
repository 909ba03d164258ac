"""Who is told what: rules over predictions and over single events, and the receivers that they name. Data only."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, PrivateAttr, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from predictions.definition import Definition, Origin, Path
from predictions.parts import SLUG, Part
from schemas.alerts import NOBODY
from schemas.topics import EVENT_TYPES

Kind = Literal[
    "first evidence",
    "progress",
    "near miss",
    "met",
    "missed",
    "annulled",
    "unresolvable",
    "retracted",
    "broken",
    "deadline",
    "stale",
    "source conflict",
    "match",
]

MILESTONES: Final[tuple[Kind, ...]] = (
    "first evidence",
    "progress",
    "met",
    "missed",
    "annulled",
    "unresolvable",
    "retracted",
    "broken",
)
"""What a definition's milestones give; told where a rule about predictions names no kinds."""

OF_EVENTS: Final[tuple[Kind, ...]] = ("match", "retracted", "stale", "source conflict")
"""What a saved query can give."""

OF_PREDICTIONS: Final[tuple[Kind, ...]] = tuple(kind for kind in get_args(Kind) if kind != "match")

BUILT_IN: Final = ("topic", "file", "webhook")
"""Receivers that need no entry: the topic, ``alerts.jsonl``, and the webhook of the settings."""

_TYPE: Final[dict[str, Any]] = {"enum": list(EVENT_TYPES)}

REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""``${VARIABLE}``: what the environment holds."""


class EventQuery(Part):
    """A saved query: which events, looked at one by one as they land."""

    event_type: Annotated[tuple[str, ...], WithJsonSchema({"anyOf": [_TYPE, {"type": "array", "items": _TYPE}]})] = (
        Field(min_length=1, description="deal, funding, ...; one of them, or a list.")
    )
    organisation: str | None = Field(
        default=None, min_length=1, description="Id or name of an organisation that the event names, or of its parent."
    )
    amount_usd_at_least: Decimal | None = Field(default=None, description="The event's amount in US dollars.")
    sql: str | None = Field(
        default=None, min_length=1, description="A condition over the columns of facts_<event type>; no subqueries."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("event_type"), str):
            return {**data, "event_type": [data["event_type"]]}
        return data

    @field_validator("event_type")
    @classmethod
    def _known(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        for name in types:
            if name not in EVENT_TYPES:
                raise ValueError(f"no event type is called '{name}'; there are: {', '.join(EVENT_TYPES)}")
        return types


class Template(Part):
    """Texts of one's own, in Jinja2; a part left out stays as it is."""

    title: str | None = Field(default=None, min_length=1)
    body: str | None = Field(default=None, min_length=1)


class Rule(Part):
    """What is told to whom. About all predictions, where it names neither predictions nor tags nor a query."""

    id: str = Field(pattern=SLUG)
    note: str | None = None
    predictions: tuple[str, ...] = Field(default=(), description="Ids of predictions.")
    tags: tuple[str, ...] = Field(default=(), description="Predictions with one of these tags.")
    when: EventQuery | None = Field(default=None, description="A saved query over events instead of predictions.")
    kinds: tuple[Kind, ...] = Field(
        default=(), description="Left out: all milestones; of a saved query, match and retracted."
    )
    deadline_in_days: tuple[int, ...] = Field(default=(90, 30, 7), description="How long before a deadline.")
    stale_after_days: int = Field(default=90, ge=1, description="How long nothing has to have happened.")
    receivers: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Left out: the topic, the file, and the webhook where one is set."
    )
    at_most_per_hour: int | None = Field(
        default=None, ge=1, description="To each receiver; what is beyond comes later, in one digest."
    )
    template: Template = Template()

    @property
    def told(self) -> tuple[Kind, ...]:
        """The kinds, defaults filled in."""
        return self.kinds or (MILESTONES if self.when is None else ("match", "retracted"))

    def is_about(self, definition: Definition) -> bool:
        """Is it a rule about this prediction?"""
        if self.when is not None:
            return False
        if not self.predictions and not self.tags:
            return True
        return definition.id in self.predictions or not set(self.tags).isdisjoint(definition.tags)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.when is not None and (self.predictions or self.tags):
            raise ValueError("a rule is about predictions (`predictions`, `tags`) or about events (`when`), not both")
        allowed = OF_PREDICTIONS if self.when is None else OF_EVENTS
        for index, kind in enumerate(self.kinds):
            if kind not in allowed:
                about = "predictions" if self.when is None else "events"
                message = f"'{kind}' is no kind of a rule about {about}; there are: {', '.join(allowed)}"
                raise misplaced(("kinds", index), message)
        for index, days in enumerate(self.deadline_in_days):
            if days < 1:
                raise misplaced(("deadline_in_days", index), "write a number of days, 1 or more")
        return self


class AppriseReceiver(Part):
    """Chat, e-mail and a hundred services more: an Apprise URL."""

    url: str | None = Field(default=None, description="With ${VARIABLE} of the environment in the place of secrets.")
    url_file: str | None = Field(default=None, description="A file that holds the URL.")

    @model_validator(mode="after")
    def _from_elsewhere(self) -> Self:
        _refers(self, "url")
        return self


class WebhookReceiver(AppriseReceiver):
    """A POST of the alert as JSON, signed where there is a secret."""

    secret: str | None = Field(default=None, description="Key of the signature: ${VARIABLE}.")
    secret_file: str | None = None

    @model_validator(mode="after")
    def _secret_from_elsewhere(self) -> Self:
        if self.secret is not None or self.secret_file is not None:
            _refers(self, "secret")
        return self


class FileReceiver(Part):
    """A file of JSON lines."""

    path: str = Field(min_length=1)


class Receiver(Part):
    """Exactly one way to tell somebody."""

    apprise: AppriseReceiver | None = None
    webhook: WebhookReceiver | None = None
    file: FileReceiver | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("needs exactly one of: apprise, webhook, file")
        return self


class AlertRules(Part):
    """The file of alert rules."""

    receivers: dict[str, Receiver] = Field(
        default={}, description="By name. There are also: topic, file, and webhook (the one of the settings)."
    )
    rules: tuple[Rule, ...] = Field(min_length=1)

    _origin: Origin = PrivateAttr(default=Origin("<alert rules>"))

    @property
    def origin(self) -> Origin:
        return self._origin

    def read_from(self, origin: Origin) -> Self:
        """The same rules, knowing where they came from."""
        copy = self.model_copy()
        copy._origin = origin
        return copy

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for name in self.receivers:
            if name in (*BUILT_IN, NOBODY):
                raise misplaced(("receivers", name), f"'{name}' is there already: choose another name")
        known = (*BUILT_IN, *self.receivers)
        ids = [rule.id for rule in self.rules]
        for index, rule in enumerate(self.rules):
            if rule.id in ids[:index]:
                raise misplaced(("rules", index, "id"), f"two rules have the id '{rule.id}'")
            for place, name in enumerate(rule.receivers or ()):
                if name not in known:
                    message = f"no receiver is called '{name}'; there are: {', '.join(known)}"
                    raise misplaced(("rules", index, "receivers", place), message)
        return self


def misplaced(path: Path, message: str) -> PydanticCustomError:
    """An error that knows the place it is about, below the model that raises it."""
    return PydanticCustomError("misplaced", "{message}", {"message": message, "at": path})


def _refers(part: Part, field: str) -> None:
    """A text that may hold a secret stands elsewhere: a variable is named in it, or a file."""
    given, file = getattr(part, field), getattr(part, f"{field}_file")
    if (given is None) == (file is None):
        raise ValueError(f"needs exactly one of: {field}, {field}_file")
    if given is not None and not REFERENCE.search(given):
        # The value itself is not told: it may be the secret.
        message = f"holds a secret, perhaps: write ${{VARIABLE}} and set that variable, or {field}_file: path"
        raise misplaced((field,), message)
