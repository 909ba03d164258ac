"""A worker with something wrong inside: ``python -m tests.faults.sabotage slow-sink 2 -- --home DIR worker settle``.

Each kind breaks one thing in this process and then runs the command as it is.
"""

import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dualtrack.tools
import pipeline.settle
import sinks.duckdb_sink
import sinks.files
import sinks.snapshot
from checks.expectations import RULES
from checks.rule import REJECT, Expect, Rule
from checks.runner import CheckRunner
from dualtrack.cli.main import run

RAISES = Rule(
    "test.raises", REJECT, "title_length", Expect("tests.checks.flaky:ExpectColumnValuesToRaise"), "it raises"
)


def slow_sink(seconds: str) -> None:
    """Each batch takes so long to settle."""
    module: Any = pipeline.settle
    settle_batch = module.settle_batch

    def slowly(*arguments: Any, **named: Any) -> Any:
        time.sleep(float(seconds))
        return settle_batch(*arguments, **named)

    module.settle_batch = slowly


def rule_raises() -> None:
    """A rule raises whatever the row."""
    tools = dualtrack.tools.validate_tools()
    broken = type(tools)(tools.enrich, tools.classify, CheckRunner((*RULES, RAISES)), tools.clock)
    dualtrack.tools.validate_tools = lambda: broken


def slow_copy(seconds: str) -> None:
    """A snapshot waits so long in the middle of the file, and takes half of the time; a checkpoint is always due."""
    sinks.duckdb_sink.CHECKPOINT_BYTES = 1  # type: ignore[misc]
    sinks.snapshot.SnapshotTimer.__init__.__defaults__ = (2.0, 0.5, time.monotonic)
    script = 'n=$(($(stat -c %s "$1") / 2)); head -c $n "$1" > "$2"; sleep "$3"; tail -c +$((n + 1)) "$1" >> "$2"'

    # By a child: closing a handle of the store's file in the writer's process would drop its lock.
    def copy(source: Path, part: Path) -> None:
        subprocess.run(["bash", "-c", script, "copy", str(source), str(part), seconds], check=True)

    sinks.files._copy = copy


def plain_sleep() -> None:
    """Sleep by select: after a jump libfaketime hands clock_nanosleep a wrong time (EINVAL), which no real one does."""

    def sleep(seconds: float) -> None:
        select.select([], [], [], seconds)

    time.sleep = sleep  # type: ignore[assignment]


KINDS: dict[str, Callable[..., None]] = {
    "slow-sink": slow_sink,
    "rule-raises": rule_raises,
    "slow-copy": slow_copy,
    "plain-sleep": plain_sleep,
}


def main() -> None:
    """Break it, then run the command after ``--``."""
    end = sys.argv.index("--")
    kind, *arguments = sys.argv[1:end]
    KINDS[kind](*arguments)
    sys.argv = ["dualtrack", *sys.argv[end + 1 :]]
    run()


if __name__ == "__main__":
    main()
