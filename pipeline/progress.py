"""How far each partition is done: which offset may be committed, whatever order the acks come in.

Pure bookkeeping, no Kafka in it. A batch covers one ``Span`` of each of its partitions. The offset to commit moves
over a span only when everything before the span is done, so it never passes an unacked batch. Offsets that hold no
record (compaction, transaction markers) lie inside a span, because a span begins where the one before it ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

Partition = tuple[str, int]
"""Topic and partition number; Faust's and aiokafka's own types are such tuples."""


class Span(NamedTuple):
    """What one batch covers of one partition: from ``start`` up to, and without, ``end``."""

    start: int
    end: int


class Progress:
    """The next offset to commit, per partition."""

    def __init__(self) -> None:
        self.finished_spans = 0
        """Grows with every span that is done; a watchdog looks at it."""
        self._done: dict[Partition, int] = {}
        self._early: defaultdict[Partition, dict[int, int]] = defaultdict(dict)

    def restart(self, positions: Iterable[tuple[Partition, int]]) -> None:
        """Begin anew at these positions; partitions that are not among them are forgotten."""
        self._done = dict(positions)
        self._early.clear()

    def forget(self, partitions: Iterable[Partition]) -> None:
        """These partitions are somebody else's now."""
        for partition in partitions:
            self._done.pop(partition, None)
            self._early.pop(partition, None)

    def finish(self, spans: Mapping[Partition, Span]) -> None:
        """These spans are done. Those of partitions that are no longer ours are ignored."""
        for partition, span in spans.items():
            if partition in self._done:
                self._finish(partition, span)

    def next_offset(self, partition: Partition) -> int | None:
        """The offset to commit: everything before it is done. None for a partition that is not ours."""
        return self._done.get(partition)

    def __iter__(self) -> Iterator[Partition]:
        return iter(tuple(self._done))

    def _finish(self, partition: Partition, span: Span) -> None:
        self.finished_spans += 1
        early = self._early[partition]
        # Two spans with the same start: a read before and one after a seek. The longer one says more.
        early[span.start] = max(span.end, early.get(span.start, 0))
        done = self._done[partition]
        while reached := [start for start in early if start <= done]:
            done = max(done, *(early.pop(start) for start in reached))
        self._done[partition] = done
