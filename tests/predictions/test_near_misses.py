"""A near miss is told once, with the condition that fails."""

from predictions.near_misses import near_misses_of
from tests.predictions.world import UNICORNS, World, define, make_world


def told(world: World) -> list[str]:
    return [alert.title for change in world.evaluate() for alert in near_misses_of(change)]


def test_each_event_is_told_once_with_what_fails() -> None:
    world = make_world(define(UNICORNS))
    told(world)
    world.event("funding", "close", "2026-05-01", company="A", valuation=9e8)
    title = "A test (main): near miss by 'close'. It does not hold that: the valuation is a billion or more."
    assert told(world) == [title]
    world.event("funding", "other", "2026-05-01", company="B", valuation=2e9)
    assert told(world) == []
    world.event("funding", "far", "2026-05-01", company="C", valuation=1.0, status="rumoured")
    assert told(world) == []


def test_batches_leave_no_trace() -> None:
    keys = []
    for at_once in (True, False):
        world, found = make_world(define(UNICORNS)), []
        for number in range(5):
            world.event("funding", f"e{number}", "2026-05-01", company=f"C{number}", valuation=5e8 * number)
            if not at_once:
                found += [alert.key for change in world.evaluate() for alert in near_misses_of(change)]
        found += [alert.key for change in world.evaluate() for alert in near_misses_of(change)]
        keys.append(found)
    assert keys[0] == keys[1]
    assert len(keys[0]) == 2


def test_a_rewritten_past_tells_none_again() -> None:
    world = make_world(define(UNICORNS))
    start = world.now
    world.event("funding", "close", "2026-05-01", company="A", valuation=9e8)
    assert len(told(world)) == 1
    world.event("funding", "earlier", "2026-05-01", company="B", valuation=2e9, known=start)
    assert told(world) == []
