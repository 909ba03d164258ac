"""What a worker does, with no Kafka in it: the contract between the agents and validate or settle."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas.records import OutRecord, RecordBatch


class Station(Protocol):
    """One worker's work: what an agent calls.

    Every method is called in **one dedicated thread**, one call at a time, so an implementation may keep
    things that must not change threads (a DuckDB connection, a Great Expectations context).

    A method raises ``TransientFault`` where trying the same call again may help; anything else that it raises
    stops the worker. A batch whose call failed is not acknowledged and comes again after the restart, and a
    batch may come again after a crash although its call succeeded: landing must absorb that.
    """

    @property
    def name(self) -> str:
        """``validate`` or ``settle``: the Faust app and the consumer group are ``dualtrack-<name>``."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it reads."""
        ...

    @property
    def standing_by(self) -> str:
        """Why ``open`` waits for another process; empty when it does not. Read from other threads."""
        ...

    def open(self) -> None:
        """Called once, before the worker joins the consumer group. May block: a standby waits here for its lock."""
        ...

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        """Work on one batch; records of one partition come in order. The outputs are delivered before the ack."""
        ...

    def tick(self) -> Sequence[OutRecord]:
        """Called about every second and after every acknowledged batch. Its outputs are delivered (the outbox)."""
        ...

    def delivered(self, records: Sequence[OutRecord]) -> None:
        """Called when the outputs of a ``tick`` are confirmed by the broker; never with an empty sequence."""
        ...

    def stored_offsets(self) -> Mapping[tuple[str, int], int] | None:
        """The next offset to read of each (topic, partition) as this station stored it.

        A partition that is missing here is read from its beginning, whatever Kafka has committed.
        ``None`` means that the station stores none: the group's committed offsets are used.
        """
        ...

    def close(self) -> None:
        """Called once at the end, also after a fault; never when ``open`` did not return."""
        ...
