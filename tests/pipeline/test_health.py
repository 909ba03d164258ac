"""Green and red: judged by what the worker is doing, with a clock that the test turns."""

from pipeline.activity import Activity, Phase, told_lag
from pipeline.health import Limits, judge, samples, stalled_seconds

LIMITS = Limits(stall_seconds=300, stop_grace_seconds=30, grace_seconds=15)


class Turning:
    """An activity whose event loop turns whenever time passes, unless it is told not to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.activity = Activity("settle", lambda: self.now)

    def after(self, seconds: float, *, turns: bool = True) -> None:
        self.now += seconds
        if turns:
            self.activity.turned()


def test_a_worker_is_healthy_at_once_and_ready_when_it_knows_where_to_read() -> None:
    turning = Turning()
    activity = turning.activity
    assert (judge(activity, LIMITS).healthy, judge(activity, LIMITS).ready) == (True, False)
    assert judge(activity, LIMITS).waits == ("it is opening",)
    activity.enter(Phase.JOINING)
    activity.assigned({("raw", 0)})
    assert judge(activity, LIMITS).waits == ("it is joining",)
    activity.enter(Phase.RUNNING)
    assert judge(activity, LIMITS).ready
    activity.assigned({("raw", 0), ("raw", 1)})
    assert not judge(activity, LIMITS).ready, "in a rebalance"


def test_a_spare_without_partitions_is_ready() -> None:
    activity = Turning().activity
    activity.enter(Phase.JOINING)
    activity.assigned(set())
    assert judge(activity, LIMITS).ready


def test_a_standby_is_healthy_for_days_and_says_why_it_is_not_ready() -> None:
    turning = Turning()
    turning.activity.standing_by = lambda: "process 7 has the store open"
    with turning.activity.step("station.open"):
        turning.after(100_000)
        verdict = judge(turning.activity, LIMITS)
    assert verdict.healthy
    assert verdict.phase == "standing by"
    assert verdict.waits == ("standing by: process 7 has the store open",)


def test_opening_for_ever_without_standing_by_is_red() -> None:
    turning = Turning()
    turning.after(301)
    assert judge(turning.activity, LIMITS).problems == ("the station has been opening for 301 s",)


def test_an_event_loop_that_does_not_turn_is_red_after_ten_seconds() -> None:
    turning = Turning()
    turning.after(9, turns=False)
    assert judge(turning.activity, LIMITS).healthy
    turning.after(2, turns=False)
    assert judge(turning.activity, LIMITS).problems == ("the event loop has not turned for 11 s",)
    turning.after(0)
    assert judge(turning.activity, LIMITS).healthy


def test_a_step_that_does_not_end_is_red_after_a_fifth_of_the_stall() -> None:
    turning = Turning()
    with turning.activity.step("station.process", "raw/0 5-9"):
        turning.after(59)
        assert judge(turning.activity, LIMITS).healthy
        turning.after(2)
        (problem,) = judge(turning.activity, LIMITS).problems
        assert problem.startswith("hangs in station.process of raw/0 5-9 since ")
        assert problem.endswith("Z (61 s)")
    assert judge(turning.activity, LIMITS).healthy


def test_lag_without_progress_is_not_ready_and_progress_ends_it() -> None:
    turning = Turning()
    activity = turning.activity
    activity.enter(Phase.RUNNING)
    activity.lag = {("raw", 0): 3, ("raw", 1): 0, ("other", 0): 1200}
    turning.after(61)
    verdict = judge(activity, LIMITS)
    assert verdict.healthy
    assert verdict.waits == ("records wait (other/0 1,200, raw/0 3) and none was finished for 61 s",)
    assert verdict.lag == {"other": 1200, "raw": 3}
    assert stalled_seconds(activity) == 61
    activity.finished()
    assert judge(activity, LIMITS).ready
    activity.lag = {}
    turning.after(1000)
    assert judge(activity, LIMITS).ready, "nothing waits"


def test_a_fault_is_red_and_the_first_one_is_told() -> None:
    activity = Turning().activity
    activity.fail("LogGap: gone")
    activity.fail("CancelledError: because of that")
    activity.enter(Phase.STOPPING)
    verdict = judge(activity, LIMITS)
    assert (verdict.phase, verdict.problems) == ("failed", ("stopped by a fault: LogGap: gone",))


def test_a_worker_that_stops_is_healthy_and_not_ready() -> None:
    turning = Turning()
    turning.activity.enter(Phase.STOPPING)
    turning.after(40, turns=False)
    verdict = judge(turning.activity, LIMITS)
    assert (verdict.healthy, verdict.ready) == (True, False)


def test_the_same_verdict_is_a_metric() -> None:
    turning = Turning()
    turning.activity.enter(Phase.RUNNING)
    turning.activity.lag = {("raw", 2): 9}
    found = {(metric.name, *labels): value for metric, labels, value in samples(turning.activity, LIMITS)}
    assert found["dualtrack_lag_records", "settle", "raw", "2"] == 9
    assert found["dualtrack_ready", "settle"] == found["dualtrack_healthy", "settle"] == 1


def test_the_longest_queues_are_told() -> None:
    lag = {("raw", number): number for number in range(8)}
    assert told_lag(lag, most=2) == "raw/7 7, raw/6 6 and 5 more partitions"
