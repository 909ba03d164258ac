"""How good forecasts were: Brier score, log score and calibration, for each forecaster and for the crowd's median.

The view ``forecast_scores`` says the same in SQL (``sinks.forecast_views``); docs/forecasts.md has the formulas.
"""

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

CLIP: Final = 0.001
"""The log score takes no probability below this one for what happened: ``ln 0`` would outweigh everything."""

BINS: Final = 10
"""Of equal width, for calibration."""

OUTCOMES: Final[Mapping[str, int]] = {"met": 1, "missed": 0}
"""States that forecasts are scored by."""

SCORED: Final = "scored"
OPEN: Final = "open"
AFTER_OUTCOME: Final = "after the outcome"
UNKNOWN: Final = "unknown"

Key = tuple[str, str]
"""A prediction and a reading."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast as it landed."""

    prediction: str
    reading: str
    forecaster: str
    probability: float
    made_at: datetime
    known_at: datetime
    place: tuple[str, int, int]
    """Topic, partition, offset."""
    imported: bool = False

    @property
    def key(self) -> Key:
        return self.prediction, self.reading

    @property
    def order(self) -> tuple[datetime, datetime, tuple[str, int, int]]:
        """Of two that were made at the same moment the one that became known later counts."""
        return self.made_at, self.known_at, self.place


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a reading, and since when that could be known."""

    state: str
    known_at: datetime

    @property
    def value(self) -> int | None:
        """1 where it was met, 0 where it was missed, None where forecasts are not scored."""
        return OUTCOMES.get(self.state)


@dataclass(frozen=True, slots=True)
class Held:
    """A probability, from one moment until the next one was given."""

    since: datetime
    probability: float
    imported: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One forecaster, or the crowd (None), about one reading."""

    prediction: str
    reading: str
    forecaster: str | None
    status: str
    """``scored``, or why not: open, annulled, unresolvable, late, after the outcome, unknown."""
    forecasts: int
    """Given in all, those after the outcome too."""
    probability: float | None = None
    """The one that counts: the last before the outcome was known."""
    made_at: datetime | None = None
    imported: bool = False
    outcome: int | None = None
    brier: float | None = None
    log_score: float | None = None
    time_weighted_brier: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All scores of one forecaster, or of the crowd (None)."""

    forecaster: str | None
    scored: int
    brier: float | None
    log_score: float | None
    time_weighted_brier: float | None
    imported: int
    """Of those scored."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """By reason, those that are still open among them."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about the same probability, and how often it came true."""

    low: float
    high: float
    count: int
    mean_forecast: float | None
    observed: float | None


def brier(probability: float, outcome: int) -> float:
    """Squared distance from what happened: 0 is best, 1 worst, 0.25 for always saying one half."""
    return (probability - outcome) ** 2


def log_score(probability: float, outcome: int) -> float:
    """Minus the natural logarithm of the probability given to what happened: 0 is best, ln 2 = 0.69 for one half."""
    given = probability if outcome else 1 - probability
    return -math.log(min(max(given, CLIP), 1 - CLIP))


def time_weighted_brier(held: Sequence[Held], outcome: int, until: datetime) -> float:
    """The mean of the Brier score over the time from the first forecast until the outcome was known."""
    ends = [*(item.since for item in held[1:]), until]
    times = [(end - item.since).total_seconds() for item, end in zip(held, ends, strict=True)]
    losses = (brier(item.probability, outcome) * time for item, time in zip(held, times, strict=True))
    return math.fsum(losses) / math.fsum(times)


def scores(forecasts: Iterable[Forecast], outcomes: Mapping[Key, Outcome]) -> list[Score]:
    """A score for each forecaster and for the crowd about each reading; in whatever order the forecasts come."""
    found: list[Score] = []
    ordered = sorted(forecasts, key=lambda one: (one.key, one.order))
    for key, together in groupby(ordered, key=lambda one: one.key):
        given = list(together)
        outcome = outcomes.get(key)
        by_forecaster: dict[str, list[Forecast]] = {}
        for one in given:
            by_forecaster.setdefault(one.forecaster, []).append(one)
        for forecaster in sorted(by_forecaster):
            own = by_forecaster[forecaster]
            found.append(_score(key, forecaster, len(own), steps(_before(own, outcome)), outcome))
        found.append(_score(key, None, len(given), crowd(_before(given, outcome)), outcome))
    return found


def steps(forecasts: Iterable[Forecast]) -> list[Held]:
    """What one forecaster held, moment by moment."""
    held = [Held(one.made_at, one.probability, one.imported) for one in sorted(forecasts, key=lambda one: one.order)]
    return _last_of_each_moment(held)


def crowd(forecasts: Iterable[Forecast]) -> list[Held]:
    """The median of everybody's latest forecast, moment by moment."""
    latest: dict[str, Forecast] = {}
    # Kept in order and mended one by one: sorting anew at each forecast takes minutes where there are many.
    probabilities: list[float] = []
    imported = 0
    held = []
    for one in sorted(forecasts, key=lambda one: one.order):
        before = latest.get(one.forecaster)
        if before:
            del probabilities[bisect_left(probabilities, before.probability)]
            imported -= before.imported
        latest[one.forecaster] = one
        insort(probabilities, one.probability)
        imported += one.imported
        held.append(Held(one.made_at, _middle(probabilities), imported > 0))
    return _last_of_each_moment(held)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _last_of_each_moment(held: Sequence[Held]) -> list[Held]:
    return [one for one, after in pairwise([*held, None]) if one and (after is None or after.since > one.since)]


def _before(forecasts: Iterable[Forecast], outcome: Outcome | None) -> list[Forecast]:
    return [one for one in forecasts if outcome and one.made_at < outcome.known_at]


def _score(key: Key, forecaster: str | None, count: int, held: Sequence[Held], outcome: Outcome | None) -> Score:
    if outcome is None or outcome.value is None:
        return Score(*key, forecaster, outcome.state if outcome else UNKNOWN, count)
    if not held:
        return Score(*key, forecaster, AFTER_OUTCOME, count, outcome=outcome.value)
    last, value = held[-1], outcome.value
    return Score(
        *key,
        forecaster,
        SCORED,
        count,
        probability=last.probability,
        made_at=last.since,
        imported=last.imported,
        outcome=value,
        brier=brier(last.probability, value),
        log_score=log_score(last.probability, value),
        time_weighted_brier=time_weighted_brier(held, value, outcome.known_at),
    )


def summaries(found: Iterable[Score]) -> list[Summary]:
    """Means over readings, the crowd first, then forecasters by Brier score; who has none yet comes last."""
    by_forecaster: dict[str | None, list[Score]] = {}
    for score in found:
        by_forecaster.setdefault(score.forecaster, []).append(score)
    made = [_summary(forecaster, own) for forecaster, own in by_forecaster.items()]

    def rank(one: Summary) -> tuple[bool, bool, float, str]:
        return one.forecaster is not None, one.brier is None, one.brier or 0.0, one.forecaster or ""

    return sorted(made, key=rank)


def _summary(forecaster: str | None, own: Sequence[Score]) -> Summary:
    scored = [score for score in own if score.status == SCORED]
    return Summary(
        forecaster,
        len(scored),
        _mean(score.brier for score in scored),
        _mean(score.log_score for score in scored),
        _mean(score.time_weighted_brier for score in scored),
        sum(score.imported for score in scored),
        dict(sorted(Counter(score.status for score in own if score.status != SCORED).items())),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def calibration(found: Iterable[Score]) -> list[Bin]:
    """Scored forecasts by probability: in each bin the mean forecast, and the share that was met."""
    members: dict[int, list[Score]] = {}
    for score in found:
        if score.probability is not None:
            members.setdefault(min(int(score.probability * BINS), BINS - 1), []).append(score)
    return list(_bins(members))


def _bins(members: Mapping[int, Sequence[Score]]) -> Iterator[Bin]:
    for number in range(BINS):
        own = members.get(number, ())
        forecast = _mean(score.probability for score in own)
        observed = _mean(float(score.outcome) for score in own if score.outcome is not None)
        yield Bin(number / BINS, (number + 1) / BINS, len(own), forecast, observed)
