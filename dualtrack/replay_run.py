"""Carrying out a replay: what goes where, in pieces that memory holds, each noted before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from dualtrack.replay import ListedRejection, Rejection, read_rejections, republish
from dualtrack.sent_replays import SentReplays
from dualtrack.settings import Settings
from dualtrack.tools import publisher, reading, writing
from schemas.settling import Landed
from schemas.topics import RAW_TOPICS

AT_ONCE: Final = 200
"""Rejections that are read, sent and confirmed together; at 2 MiB each they are the most that memory holds of them."""

EXAMPLES: Final = 3
"""Inputs told for each kind by a dry run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay will do."""

    by_kafka: tuple[ListedRejection, ...]
    """Go back to their topics."""
    here: tuple[ListedRejection, ...]
    """Are run through the flow in this process."""
    stuck: tuple[ListedRejection, ...] = ()
    """Go back to a topic, and no Kafka is configured."""
    waiting: tuple[ListedRejection, ...] = ()
    """Left out: sent before, without an outcome yet."""

    @property
    def inputs(self) -> list[str]:
        """What would be replayed."""
        return [item.input for item in (*self.by_kafka, *self.here)]

    def counts(self) -> list[dict[str, Any]]:
        """How many of each topic, stage and rule, with examples; most first."""

        def kind(item: ListedRejection) -> tuple[str, str, str]:
            return item.name.topic, item.stage, item.rule

        rows = []
        for (topic, stage, rule), group in groupby(sorted((*self.by_kafka, *self.here), key=kind), key=kind):
            names = [item.input for item in group]
            shown = ", ".join(names[:EXAMPLES])
            rows.append({"topic": topic, "stage": stage, "rule": rule, "count": len(names), "examples": shown})
        return sorted(rows, key=lambda row: -int(row["count"]))

    def told(self) -> dict[str, Any]:
        """For programs."""
        counts = [{**row, "examples": row["examples"].split(", ")} for row in self.counts()]
        return {"would_replay": self.inputs, "counts": counts, "waiting": [item.input for item in self.waiting]}


@dataclass(slots=True)
class ReplayDone:
    """What a replay did."""

    republished: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """By input: why it was not sent."""
    landed: Landed = field(default_factory=Landed)
    """Outcomes of those that were run here."""
    waiting: tuple[str, ...] = ()
    """Left out: sent before, without an outcome yet."""
    sent_before: int = 0
    """Of those sent: may have arrived before already; then they become duplicates."""

    def told(self) -> dict[str, Any]:
        """For programs."""
        here = self.landed
        return {
            "republished": self.republished,
            "refused": self.refused,
            "landed": here.landed,
            "duplicate": here.duplicate,
            "rejected": here.rejected,
            "waiting": list(self.waiting),
            "sent_before": self.sent_before,
        }


class Replayer:
    """Replays rejections of one home. Repeating it is safe at any moment: each lands at most once.

    Delivery guarantee: at least once to the topic; the flow lands one and counts the others as duplicates.
    """

    def __init__(self, settings: Settings, sent: SentReplays, *, resend: bool = False) -> None:
        self._settings = settings
        self._sent = sent
        self._resend = resend

    def plan(self, chosen: Sequence[ListedRejection]) -> Plan:
        """Sort them out."""
        has_broker = self._settings.bootstrap_servers() is not None
        by_kafka, here, stuck, waiting = list[ListedRejection](), [], [], []
        for item in chosen:
            if self._sent.waiting(item) and not self._resend:
                waiting.append(item)
            elif item.from_kafka and has_broker:
                by_kafka.append(item)
            elif item.from_kafka and item.name.topic not in RAW_TOPICS:
                stuck.append(item)
            else:
                here.append(item)
        return Plan(tuple(by_kafka), tuple(here), tuple(stuck), tuple(waiting))

    def run(self, plan: Plan) -> ReplayDone:
        """Do it. Raises PublishError where Kafka does not take them, StoreLocked where a worker holds the store."""
        done = ReplayDone(waiting=tuple(item.input for item in plan.waiting))
        # First what is done at once: a store that a worker holds is noticed before anything was sent.
        if plan.here:
            records = self._read(plan.here)
            with writing(self._settings) as tools:
                for start in range(0, len(records), AT_ONCE):
                    done.landed += tools.replay(records[start : start + AT_ONCE])
        if plan.by_kafka:
            self._send(plan.by_kafka, done)
        for item in plan.stuck:
            done.refused[item.input] = f"it goes back to the topic {item.destination}, and no Kafka is configured"
        return done

    def _send(self, items: Sequence[ListedRejection], done: ReplayDone) -> None:
        destinations = {item.input: str(item.destination) for item in items}
        with publisher(self._settings) as sending:
            for start in range(0, len(items), AT_ONCE):
                piece = items[start : start + AT_ONCE]
                done.sent_before += sum(self._sent.waiting(item) or self._sent.doubtful(item) for item in piece)
                # Noted before: whatever ends this command meanwhile, the next one knows what may have arrived.
                self._sent.note(piece, confirmed=False)
                sent = republish(self._read(piece), destinations, sending)
                self._sent.note([item for item in piece if item.input not in sent.refused], confirmed=True)
                done.republished += sent.confirmed
                done.refused |= sent.refused

    def _read(self, items: Sequence[ListedRejection]) -> list[Rejection]:
        with reading(self._settings) as connection:
            return read_rejections(connection, [item.input for item in items])
