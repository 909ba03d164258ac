"""Load files of events through the same two flow functions as the workers run, without a broker.

The topic of a file is ``file:`` and the hash of its content, the partition 0, the offset the line (from 0): loading
the same file again is a redelivery and lands nothing, and a load that was interrupted goes on where it stopped.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dualtrack.decision_lines import is_decision, on_its_topic
from dualtrack.lines import lines_of
from pipeline.flow import SettleTools, ValidateTools, settle_batch, validate_batch
from predictions.evaluate import Change
from schemas.records import OutRecord, RawRecord
from schemas.settling import ArrivedRejection, Landed

BATCH_RECORDS = 5_000
BATCH_BYTES = 32 * 1024 * 1024
MOST_EXAMPLES = 5

OnProgress = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that was rejected, as a person finds it."""

    path: str
    line: int
    """From 1."""
    stage: str
    rule: str
    reason: str


@dataclass
class LoadReport:
    """What became of the lines of all files. ``landed + duplicate + rejected = input``."""

    landed: Landed = field(default_factory=Landed)
    moved: dict[tuple[str, str], Change] = field(default_factory=dict)
    """(prediction, reading) to its last change; the ones before would hold whole histories in memory."""
    loaded_before: list[str] = field(default_factory=list)
    """Files of which every line had its outcome before."""
    already_read: int = 0
    """Lines that were skipped because an earlier load had read them."""
    rejected_by_rule: Counter[str] = field(default_factory=Counter)
    examples: list[RejectedLine] = field(default_factory=list)
    """The first rejected lines."""

    @property
    def input(self) -> int:
        """Lines that are new inputs; a line that was loaded before is a redelivery, which is no input."""
        return self.landed.landed + self.landed.duplicate + self.landed.rejected


def topic_of_file(path: Path) -> str:
    """``file:`` and the first 32 hex digits of the SHA-256 of the content."""
    with path.open("rb") as file:
        return f"file:{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"


def load_files(
    paths: Sequence[Path], validate: ValidateTools, settle: SettleTools, on_progress: OnProgress = lambda _: None
) -> LoadReport:
    """Load the files one after the other. Each batch is a transaction: an interruption loses nothing."""
    report = LoadReport()
    for path in paths:
        topic = topic_of_file(path)
        start = settle.sink.stored_offsets().get((topic, 0), 0)
        before = report.input
        for batch in batches_of(path, topic, settle.clock(), on_progress):
            fresh = [record for record in batch if record.offset >= start]
            report.already_read += len(batch) - len(fresh)
            if fresh:
                _load_batch(path, fresh, validate, settle, report)
        if report.input == before and start:
            report.loaded_before.append(str(path))
    return report


def _load_batch(
    path: Path, records: Sequence[RawRecord], validate: ValidateTools, settle: SettleTools, report: LoadReport
) -> None:
    last = records[-1]
    settled = settle_batch(
        as_read(validated_or_decided(records, validate), last.timestamp_ms),
        settle,
        next_offsets={(last.topic, last.partition): last.offset + 1},
    )
    report.landed += settled.landed
    report.moved.update({(change.definition.id, change.reading.id): change for change in settled.changes})
    lines = [_rejected_line(path, rejection) for rejection in settled.batch.rejections]
    report.rejected_by_rule.update(line.rule for line in lines)
    report.examples += lines[: MOST_EXAMPLES - len(report.examples)]


def _rejected_line(path: Path, rejection: ArrivedRejection) -> RejectedLine:
    line = rejection.input.offset + 1
    return RejectedLine(str(path), line, str(rejection.stage), rejection.rule, rejection.reason)


def validated_or_decided(records: Sequence[RawRecord], validate: ValidateTools) -> list[OutRecord]:
    """What settle is to read of them: events through validate, decisions as they stand on their topic."""
    decisions = [record for record in records if is_decision(record)]
    events = [record for record in records if not is_decision(record)] if decisions else records
    validated = validate_batch(events, validate)
    return [*validated.passed, *validated.rejected, *map(on_its_topic, decisions)]


def as_read(outputs: Sequence[OutRecord], timestamp_ms: int) -> list[RawRecord]:
    """Outputs as settle would read them; the names of their inputs stand in their headers."""
    return [
        RawRecord(output.topic, 0, offset, output.key, output.value, output.headers, timestamp_ms)
        for offset, output in enumerate(outputs)
    ]


def batches_of(path: Path, topic: str, known_at: datetime, on_progress: OnProgress) -> Iterator[list[RawRecord]]:
    """The lines of a file as records, in batches. Every line is an input, an empty one too."""
    timestamp_ms = int(known_at.timestamp() * 1000)
    batch: list[RawRecord] = []
    size = 0
    with path.open("rb") as file:
        for offset, line in enumerate(lines_of(file)):
            batch.append(RawRecord(topic, 0, offset, None, line.rstrip(b"\r\n"), (), timestamp_ms))
            size += len(line)
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield batch
                on_progress(size)
                batch, size = [], 0
    if batch:
        yield batch
        on_progress(size)
