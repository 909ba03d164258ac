"""Is a worker healthy, and is it ready? Judged from what it is doing (``activity.py``), in any thread.

*Healthy*: the event loop turns, nothing hangs, no fault stops it; a standby that waits for its lock is healthy.
*Ready*: healthy, its partitions are assigned, where to read in them is known, and records do not wait in vain.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pipeline import telemetry as names
from pipeline.activity import CLOSING_STEP, OPENING_STEP, Activity, Phase, Step, told_lag
from pipeline.measuring import Sample

_MAY_TAKE_LONG: Final = frozenset({OPENING_STEP, CLOSING_STEP})
"""A standby opens for days; closing has a limit of its own."""


@dataclass(frozen=True)
class Limits:
    """How long something may take before somebody is told, and before the worker ends."""

    stall_seconds: float = 300.0
    """Records wait and none is finished, the event loop does not turn, or a step does not end: the worker stops."""

    stop_grace_seconds: float = 30.0
    """How long a running batch may take to come to its end when the worker is stopped."""

    grace_seconds: float = 15.0
    """How long a worker that was told to end may take, on top of what it waits for, before it is ended by force."""

    @property
    def red_seconds(self) -> float:
        """So long /health and /ready stay green: a fifth of the time after which the worker stops."""
        return self.stall_seconds / 5

    @property
    def loop_seconds(self) -> float:
        """So long the event loop may do something else before /health is red."""
        return min(10.0, self.red_seconds)

    @property
    def stop_seconds(self) -> float:
        """The end takes no longer: a batch comes to its end, the station closes, and then some."""
        return 2 * self.stop_grace_seconds + self.grace_seconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What /health and /ready say of one station."""

    station: str
    phase: str
    problems: tuple[str, ...]
    """Why it is not healthy."""
    waits: tuple[str, ...]
    """Why it is not ready, beside that."""
    doing: tuple[str, ...] = ()
    lag: dict[str, int] = field(default_factory=dict)
    """Records not finished, by topic."""
    last_finished: str | None = None
    """When a batch was finished last, UTC."""

    @property
    def healthy(self) -> bool:
        return not self.problems

    @property
    def ready(self) -> bool:
        return not self.problems and not self.waits

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "station": self.station,
            "phase": self.phase,
            "healthy": self.healthy,
            "ready": self.ready,
            "problems": list(self.problems),
            "waits": list(self.waits),
            "doing": list(self.doing),
            "lag": self.lag,
            "last_finished": self.last_finished,
        }


def judge(activity: Activity, limits: Limits) -> Verdict:
    """Look at it now."""
    now = activity.clock()
    lag: dict[str, int] = {}
    for (topic, _), count in sorted(activity.lag.items()):
        lag[topic] = lag.get(topic, 0) + count
    finished = activity.finished_at
    return Verdict(
        station=activity.station,
        phase="standing by" if activity.standing_by() else activity.phase.value,
        problems=tuple(_problems(activity, limits, now)),
        waits=tuple(_waits(activity, limits)),
        doing=tuple(step.told(now) for step in activity.steps),
        lag=lag,
        last_finished=datetime.fromtimestamp(finished, UTC).isoformat(timespec="seconds") if finished else None,
    )


def hanging_step(activity: Activity, seconds: float) -> Step | None:
    """The step that has been going on for longer, if there is one that should not."""
    now = activity.clock()
    return next((s for s in activity.steps if s.name not in _MAY_TAKE_LONG and now - s.since > seconds), None)


def stalled_seconds(activity: Activity) -> float:
    """How long records wait and none was finished; 0 where none waits."""
    if not any(activity.lag.values()):
        return 0.0
    return activity.clock() - activity.progress_at


def samples(activity: Activity, limits: Limits) -> Iterator[Sample]:
    """The same for Prometheus."""
    station = activity.station
    for (topic, partition), count in sorted(activity.lag.items()):
        yield names.LAG, (station, topic, str(partition)), count
    yield names.LAST_PROGRESS, (station,), activity.finished_at or 0.0
    yield names.STALLED, (station,), stalled_seconds(activity)
    yield names.REBALANCES, (station,), activity.rebalances
    verdict = judge(activity, limits)
    yield names.HEALTHY, (station,), verdict.healthy
    yield names.READY, (station,), verdict.ready


def _problems(activity: Activity, limits: Limits, now: float) -> Iterator[str]:
    if activity.fault is not None:
        yield f"stopped by a fault: {activity.fault}"
    silent = now - activity.turned_at
    if silent > limits.loop_seconds and activity.phase is not Phase.STOPPING:
        yield f"the event loop has not turned for {silent:.0f} s"
    hanging = hanging_step(activity, limits.red_seconds)
    if hanging is not None:
        yield f"hangs in {hanging.told(now)}"
    opening = now - activity.phase_since
    if activity.phase is Phase.OPENING and not activity.standing_by() and opening > limits.stall_seconds:
        yield f"the station has been opening for {opening:.0f} s"


def _waits(activity: Activity, limits: Limits) -> Iterator[str]:
    standing_by = activity.standing_by()
    if standing_by:
        yield f"standing by: {standing_by}"
    elif activity.phase is not Phase.RUNNING:
        yield f"it is {activity.phase}"
    stalled = stalled_seconds(activity)
    if stalled > limits.red_seconds:
        yield f"records wait ({told_lag(activity.lag)}) and none was finished for {stalled:.0f} s"
