"""A limit on rejections: a worker that rejects more stops, loudly, before anything of the batch is delivered.

Off by default: nothing rejected is lost, and whoever may publish could stop the pipeline with bad input.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, NamedTuple

from schemas import headers as names
from schemas.faults import TooManyRejections
from schemas.records import InputName, OutRecord, RecordBatch

MINUTE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class RejectLimitConfig:
    """How much may be rejected; both may be set."""

    share: float | None = None
    """Most rejections among the last ``window`` inputs of this worker, 0 to 1."""

    per_minute: int | None = None
    """Most rejections within a minute."""

    window: int = 1000
    """How many inputs the share looks back on, over batches."""

    at_least: int = 200
    """The share counts once so many inputs were seen: the first three of a day say little."""


class _Reason(NamedTuple):
    """Why an input was rejected."""

    stage: str
    rule: str
    input: InputName


class RejectLimit:
    """Watches the outcomes of one worker; its window goes on from batch to batch and ends with the process.

    After a restart the same batch is read again. It passes where the share has too few inputs to be judged by, and
    else stops the worker again until the cause is mended or the limit is raised.
    """

    def __init__(self, config: RejectLimitConfig, clock: Callable[[], float] = monotonic) -> None:
        self._config = config
        self._clock = clock
        self._seen: deque[_Reason | None] = deque(maxlen=config.window)
        self._rejected = 0
        self._recent: deque[tuple[float, _Reason]] = deque()

    def check(self, records: RecordBatch, rejected: Sequence[OutRecord]) -> None:
        """Count a batch, input by input; raises TooManyRejections at the first that is one too many."""
        if self._config.share is None and self._config.per_minute is None:
            return
        reasons = {reason.input: reason for reason in map(_reason_of, rejected)}
        now = self._clock()
        for record in records:
            self._count(reasons.get(record.name), now)

    def _count(self, reason: _Reason | None, now: float) -> None:
        if len(self._seen) == self._seen.maxlen and self._seen[0] is not None:
            self._rejected -= 1
        self._seen.append(reason)
        if reason is None:
            return
        self._rejected += 1
        self._check_share()
        self._check_rate(reason, now)

    def _check_share(self) -> None:
        seen, share = len(self._seen), self._config.share
        if share is not None and seen >= self._config.at_least and self._rejected > share * seen:
            raise TooManyRejections(
                f"{self._rejected:,} of the last {seen:,} inputs were rejected, {self._rejected / seen:.1%}; "
                f"DUALTRACK_REJECT_LIMIT_SHARE allows {share:.1%}. {_advice([one for one in self._seen if one])}"
            )

    def _check_rate(self, reason: _Reason, now: float) -> None:
        most = self._config.per_minute
        if most is None:
            return
        while self._recent and self._recent[0][0] <= now - MINUTE_SECONDS:
            self._recent.popleft()
        self._recent.append((now, reason))
        if len(self._recent) > most:
            raise TooManyRejections(
                f"{len(self._recent):,} inputs were rejected within a minute; DUALTRACK_REJECT_LIMIT_PER_MINUTE allows "
                f"{most:,}. {_advice([one for _, one in self._recent])}"
            )


def _advice(reasons: Sequence[_Reason]) -> str:
    ((stage, rule), count), *_ = Counter((one.stage, one.rule) for one in reasons).most_common(1)
    example = next(one.input for one in reversed(reasons) if (one.stage, one.rule) == (stage, rule))
    return (
        f"Most often {stage}/{rule} ({count:,} of {len(reasons):,}), for example {example}. Nothing of this batch was "
        "delivered. Mend the publisher or the rule, or raise or unset the limit (nothing rejected is lost, it can be "
        "replayed), and start the worker again: it reads the same batch"
    )


def _reason_of(record: OutRecord) -> _Reason:
    # The last of a name counts, as everywhere: a publisher may have sent headers of our names.
    told = {name: value.decode(errors="replace") for name, value in record.headers}
    place = InputName(told[names.ERROR_TOPIC], int(told[names.ERROR_PARTITION]), int(told[names.ERROR_OFFSET]))
    return _Reason(told[names.ERROR_STAGE], told[names.ERROR_RULE], place)
