"""How fast are the checks? Rows a second by size of the batch, what a rule costs, whether memory stays flat.

Run: ``python -m benchmarks.checks_benchmark`` (about two minutes).
"""

import gc
import statistics
import time
from collections.abc import Callable

import psutil

from checks.engine import Engine
from checks.expectations import RULES
from checks.frame import frame_of
from checks.runner import CheckRunner
from schemas.outcomes import Classified
from tests.factories import FIELDS, make_classified

SIZES = (20, 200, 1_000, 5_000)
REPEATS = 15
BAD_EVERY = 100
MEMORY_BATCHES = 200


def events(count: int) -> list[Classified]:
    """Events of all types in turn; one in a hundred fails a rule."""
    types = tuple(FIELDS)
    titles = ["A title"] * (BAD_EVERY - 1) + [" "]
    return [make_classified(types[i % len(types)], offset=i, title=titles[i % BAD_EVERY]) for i in range(count)]


def milliseconds(work: Callable[[], object]) -> list[float]:
    """How long each of some runs took, shortest first."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1_000)
    return sorted(times)


def table(runner: CheckRunner) -> None:
    """Time and throughput by size of the batch."""
    print(f"{'rows':>6} {'frame, µs/row':>14} {'run, median ms':>15} {'run, worst ms':>14} {'rows/s':>9}")
    for size in SIZES:
        batch = events(size)
        frame = statistics.median(milliseconds(lambda batch=batch: frame_of(batch)))  # type: ignore[misc]
        runs = milliseconds(lambda batch=batch: runner.run(batch))  # type: ignore[misc]
        median = statistics.median(runs)
        print(
            f"{size:>6} {frame * 1_000 / size:>14.1f} {median:>15.0f} {runs[-1]:>14.0f} {size * 1_000 / median:>9,.0f}"
        )


def per_rule() -> None:
    """What each rule adds to a batch, by kind of expectation."""
    frame = frame_of(events(1_000))
    for name in sorted({rule.expect.name for rule in RULES}):
        rules = [rule for rule in RULES if rule.expect.name == name]
        engine = Engine(rules)
        cost = statistics.median(milliseconds(lambda engine=engine: engine.evaluate(frame)))  # type: ignore[misc]
        print(f"{name:<36} {len(rules):>3} rules {cost / len(rules):>6.1f} ms each")


def memory(runner: CheckRunner) -> None:
    """Resident memory before and after many batches."""
    process, batch = psutil.Process(), events(50)
    for count in (20, MEMORY_BATCHES):
        before = process.memory_info().rss
        for _ in range(count):
            runner.run(batch)
        gc.collect()
        grown = (process.memory_info().rss - before) / 2**20
        print(f"{count:>4} batches: {process.memory_info().rss / 2**20:.0f} MiB, {grown:+.1f}")


def main() -> None:
    """Print it all."""
    start = time.perf_counter()
    runner = CheckRunner()
    runner.open()
    print(f"{len(RULES)} rules; opened in {time.perf_counter() - start:.1f} s\n")
    table(runner)
    print()
    per_rule()
    print()
    memory(runner)


if __name__ == "__main__":
    main()
