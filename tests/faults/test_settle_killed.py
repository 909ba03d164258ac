"""kill -9, many times, while events flow: nothing is lost, nothing lands twice, rows and offsets always agree."""

import logging
import random
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.books import Books, check_equation, check_rows_fit_offsets, read_books, read_logs, settled
from tests.faults.flow import Flow
from tests.faults.processes import Process, until
from tests.faults.stage import Stage

logger = logging.getLogger(__name__)

SEED = 20260417
PER_SECOND = 40.0
KILLS_OF_SETTLE = 10
VALIDATE_FALLS_AT = (2, 5, 8)
"""With these kills of settle (counted from 1), validate is killed too."""

MOMENTS = ("flowing", "committing", "flowing", "starting", "flowing", "committing")
"""When settle is killed, in turn: at any moment of the flow; around a commit of its; before it is ready."""


@dataclass
class Kill:
    """One kill of settle, and what the store said right after it."""

    moment: str
    books: Books
    recovery_seconds: float = 0.0
    """From the kill to the next settle being ready."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_kills_of_settle_and_three_of_validate(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with Stage(tmp_path) as stage:
        validate, settle = stage.worker("validate"), stage.worker("settle")
        validate.await_ready()
        settle.await_ready()
        with Flow(stage.servers, PER_SECOND, SEED) as flow:
            until(lambda: settled(stage.settings) > 0, "the first events have landed", 30, [validate, settle])
            kills = []
            for number in range(1, KILLS_OF_SETTLE + 1):
                kill = _kill_settle(stage, settle, MOMENTS[(number - 1) % len(MOMENTS)], chance)
                kills.append(kill)
                killed_at = time.monotonic()
                settle = stage.worker("settle")
                if number in VALIDATE_FALLS_AT:
                    validate.kill()
                    validate = stage.worker("validate")
                if number == KILLS_OF_SETTLE or MOMENTS[number % len(MOMENTS)] != "starting":
                    settle.await_ready()
                    kill.recovery_seconds = time.monotonic() - killed_at
                    validate.await_ready()
            sent = flow.end()
            until(
                lambda: settled(stage.settings) >= sent.total,
                f"all {sent.total} inputs have their outcome",
                60,
                [validate, settle],
                lambda: f"{settled(stage.settings)} have one.",
            )
        assert settle.stop() == 0, settle.tail()
        assert validate.stop() == 0, validate.tail()
        logs = read_logs(stage.servers)
    for number, kill in enumerate(kills, start=1):
        check_rows_fit_offsets(kill.books, logs, f"after kill {number} ({kill.moment})")
    check_equation(read_books(stage.settings), sent, logs)
    _check_that_the_kills_mattered(kills)
    assert logs.redelivered > 0, "no kill of validate fell between delivery and commit: this test proves less"
    recoveries = [round(kill.recovery_seconds, 1) for kill in kills if kill.recovery_seconds]
    logger.info("%d inputs, %d redelivered by validate; recoveries took %s s", sent.total, logs.redelivered, recoveries)
    assert max(recoveries) < 25, f"recoveries took {recoveries} s"


def _kill_settle(stage: Stage, settle: Process, moment: str, chance: random.Random) -> Kill:
    longest = {"flowing": 1.2, "committing": 0.02, "starting": 4.0}[moment]
    if moment != "starting":
        _await_growth(Path(f"{stage.settings.database}.wal"), settle)
    # Not a wait for something: the moment of the kill is what is tried out.
    time.sleep(chance.uniform(0, longest))
    settle.kill()
    return Kill(moment, read_books(stage.settings))


def _await_growth(wal: Path, settle: Process) -> None:
    """Return at the first write of a commit (checkpoints make the file shorter)."""
    deadline = time.monotonic() + 30
    size = _size(wal)
    while (now := _size(wal)) <= size:
        size = now
        assert time.monotonic() < deadline, f"no commit in 30 s\n{settle.tail()}"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _check_that_the_kills_mattered(kills: list[Kill]) -> None:
    """Most kills fell while something moved: the store had grown since the one before."""
    outcomes = [0, *(len(kill.books.outcomes) for kill in kills)]
    grown = sum(after > before for before, after in pairwise(outcomes))
    logger.info("outcomes after each kill: %s", outcomes[1:])
    assert grown >= len(kills) // 2, f"the outcomes after each kill: {outcomes[1:]}"
