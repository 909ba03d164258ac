"""Chaos: random processes are killed at random moments while numbered events flow; at the end the ledger is exact.

    make chaos                      # 30 minutes, a seed of its own
    make chaos MINUTES=3 SEED=7     # shorter, and the same choices again

Two validates, a settle and its standby run on a real Apache Kafka, which is a victim too. Most are killed by SIGKILL,
some are asked to end, some freeze for seconds. Whoever ends is started again. Afterwards every promise is audited
(``tests.faults.scene``) and the store is rebuilt from the log and compared. Exit code 0 only where nothing was lost,
nothing landed twice, and both agree. The seed fixes victims, signals and pauses; what it meets is up to the machine.
"""

import argparse
import json
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.scene import Scene

logger = logging.getLogger("chaos")

WORKERS: Final = ("validate", "validate-2", "settle", "settle-2")
BROKER: Final = "broker"
VICTIMS: Final = {"validate": 3, "validate-2": 3, "settle": 5, "settle-2": 4, BROKER: 2}
"""Who is chosen how often."""

WAYS: Final = {signal.SIGKILL: 8, signal.SIGTERM: 1, signal.SIGSTOP: 1}
PAUSE: Final = (7.0, 19.0)
"""Seconds from one kill to the next, so that some fall into the recovery from the one before (about 10 s)."""
FROZEN: Final = (1.0, 9.0)
"""Seconds of a SIGSTOP: some longer than the group's session, which takes the partitions away."""
PER_SECOND: Final = 20.0
TELLING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens next, as the seed has it."""

    pause: float
    victim: str
    way: signal.Signals
    frozen: float


def blows(seed: int) -> Iterator[Blow]:
    """An endless row of blows; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        yield Blow(
            chance.uniform(*PAUSE),
            chance.choices(list(VICTIMS), list(VICTIMS.values()))[0],
            chance.choices(list(WAYS), list(WAYS.values()))[0],
            chance.uniform(*FROZEN),
        )


class Chaos:
    """One run."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.longest_silence = 0.0
        """Most seconds without a new outcome, as a reader of the snapshot sees it."""
        self._scene = scene
        self._blows = blows(seed)
        self._last = (0, time.monotonic())

    def run(self, minutes: float) -> None:
        """Blow after blow, until the time is over."""
        end = time.monotonic() + 60 * minutes
        for blow in self._blows:
            if not self._wait(blow.pause, end):
                return
            self._strike(blow)
            self.kills[f"{blow.victim} {blow.way.name}"] += 1
            told = f"{self.kills.total():4d}  {blow.way.name:8} {blow.victim:11} {self._last[0]:7,d} outcomes"
            logger.info("%s of %d published", told, self._scene.sent.total)

    def _wait(self, seconds: float, end: float) -> bool:
        """False when the run is over meanwhile."""
        until = min(time.monotonic() + seconds, end)
        while time.monotonic() < until:
            self._look()
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
        return time.monotonic() < end

    def _look(self) -> None:
        now, settled = time.monotonic(), self._scene.settled()
        if settled > self._last[0]:
            self._last = (settled, now)
        self.longest_silence = max(self.longest_silence, now - self._last[1])

    def _strike(self, blow: Blow) -> None:
        scene = self._scene
        if blow.victim == BROKER:
            # It is always killed outright: a stop is the easier case, which tests/faults/test_kafka_broker.py has.
            scene.stage.kill_broker()
            scene.stage.start_broker()
            return
        with scene.guard:
            worker = scene.workers[blow.victim]
            if blow.way is signal.SIGSTOP:
                worker.send(blow.way)
                time.sleep(blow.frozen)
                worker.send(signal.SIGCONT)
                return
            scene.crashes += blow.victim.startswith("settle")
            if blow.way is signal.SIGTERM:
                worker.stop(signal.SIGTERM, 60)
            else:
                worker.kill()
            scene.start(blow.victim)


def main() -> int:
    """Run it and print the ledger."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, help="the choices of an earlier run; chosen by chance where not given")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for name in ("kafka", "pipeline", "httpx"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="dualtrack-chaos-"))
    logger.info("chaos for %.0f minutes with seed %d in %s", options.minutes, seed, folder)
    try:
        ledger = _run(folder, options.minutes, seed)
    except AssertionError as error:
        logger.error(
            "%s\nthe books do not balance: replay it with SEED=%d; everything is kept in %s", error, seed, folder
        )
        return 1
    print(json.dumps(ledger, indent=2))  # noqa: T201
    shutil.rmtree(folder)
    return 0


def _run(folder: Path, minutes: float, seed: int) -> dict[str, object]:
    with Scene(folder, per_second=PER_SECOND, telling_seconds=TELLING_SECONDS, seed=seed) as scene, scene.supervised():
        for name in WORKERS:
            if name not in scene.workers:
                scene.start(name)
        chaos = Chaos(scene, seed)
        chaos.run(minutes)
        logger.info("%d kills; now everything has to arrive", chaos.kills.total())
        books = scene.audit(300)
        rebuilt = scene.stage.run("rebuild", "--verify", "--to", folder / "rebuilt.duckdb")
        assert rebuilt.wait(600) == 0, rebuilt.tail()
        sent, webhook = scene.sent, scene.webhook.received
        return {
            "seed": seed,
            "minutes": minutes,
            "kills": chaos.kills.total(),
            "by victim and signal": dict(sorted(chaos.kills.items())),
            "restarts after a fault": dict(Counter(scene.restarts)),
            "longest silence, seconds": round(chaos.longest_silence, 1),
            "published": sent.total,
            "outcomes": dict(books.counts),
            "lost": sent.total - len({name for name, _ in books.outcomes}),
            "twice": len(books.outcomes) - len({name for name, _ in books.outcomes}),
            "alerts": sent.tellings,
            "alerts that the webhook got again": len(webhook) - len({key for key, _ in webhook}),
            "most memory, MB": {role: round(peak / 2**20) for role, peak in sorted(scene.watch.peaks.items())},
            "rebuilt store": "equal in every table",
        }


if __name__ == "__main__":
    sys.exit(main())
