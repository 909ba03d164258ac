"""The station ``validate``: raw records in, validated and rejected records out. Stateless; run as many as you like."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pipeline import telemetry as names
from pipeline.flow import ValidateTools, validate_batch
from pipeline.limits import RejectLimit, RejectLimitConfig
from pipeline.measuring import Telemetry
from pipeline.rejection_log import RejectionLog
from schemas.records import OutRecord, RecordBatch
from schemas.topics import VALIDATE_READS


class ValidateStation:
    """Runs ``validate_batch`` behind an agent. Delivery guarantee: at least once; settle tells redeliveries apart."""

    name = "validate"
    topics = VALIDATE_READS
    standing_by = ""

    def __init__(
        self,
        make_tools: Callable[[], ValidateTools],
        telemetry: Telemetry | None = None,
        limit: RejectLimit | None = None,
    ) -> None:
        self._make_tools = make_tools
        self._limit = limit or RejectLimit(RejectLimitConfig())
        self._telemetry = telemetry or Telemetry()
        self._tools: ValidateTools | None = None
        self._log = RejectionLog()
        self.counts: Counter[str] = Counter()
        """Records written so far, by topic."""

    def open(self) -> None:
        """Load knowledge and checks, in the thread that will use them: Great Expectations takes seconds to import."""
        self._tools = self._make_tools()
        self._tools.checks.on_run = lambda seconds: self._telemetry.observe(names.CHECK_SECONDS, seconds)
        self._tools.checks.open()

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        """Step 2 of the agent. Raises TooManyRejections before anything of the batch is delivered."""
        if self._tools is None:
            raise RuntimeError("validate was not opened")
        validated = validate_batch(records, self._tools)
        self._limit.check(records, validated.rejected)
        self._log.tell(validated.rejected)
        outputs = (*validated.passed, *validated.rejected)
        self.counts.update(record.topic for record in outputs)
        return outputs

    def tick(self) -> Sequence[OutRecord]:
        """Nothing waits."""
        return ()

    def delivered(self, records: Sequence[OutRecord]) -> None:
        """Nothing waits."""

    def stored_offsets(self) -> Mapping[tuple[str, int], int] | None:
        """None: validate goes on from the group's committed offsets."""
        return None

    def close(self) -> None:
        """Nothing to give back."""
        self._log.end_window()
