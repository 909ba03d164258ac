"""A worker process that hangs, in one of several ways, the first time it meets a batch; after a restart it does not."""

import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.app import Hooks, run_workers
from pipeline.fetching import ReadConfig
from pipeline.watchdog import exit_within
from pipeline.web import HttpConfig
from schemas.records import OutRecord, RecordBatch
from tests.pipeline.worker_kit import MemoryStation, config_for

STALL_SECONDS = 5.0
STOP_SECONDS = 1.0
END_SECONDS = 2.0


def hang_in_the_station() -> None:
    time.sleep(600)


def hang_with_the_interpreters_lock() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def hang_in_the_event_loop() -> None:
    while True:  # comes back after signals, as a busy loop does
        time.sleep(600)


@dataclass
class HangingStation(MemoryStation):
    how: str = ""
    folder: Path = Path()

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        if hangs_now(self.how, self.folder) and self.how != "loop":
            {"station": hang_in_the_station, "lock": hang_with_the_interpreters_lock}[self.how]()
        with (self.folder / "landed").open("ab") as lines:
            for record in records:
                lines.write((record.value or b"") + b"\n")
            os.fsync(lines.fileno())
        return ()


def hangs_now(how: str, folder: Path) -> bool:
    """Once per folder."""
    marker = folder / "hung"
    if how == "not" or marker.exists():
        return False
    marker.touch()
    return True


def main(bootstrap_servers: str, topic: str, folder: str, group: str, how: str) -> int:
    where = Path(folder)
    station = HangingStation((topic,), how=how, folder=where)
    config = replace(
        config_for(bootstrap_servers, where, group),
        reading=ReadConfig(stall_seconds=STALL_SECONDS),
        stop_grace_seconds=STOP_SECONDS,
        end_grace_seconds=END_SECONDS,
        http=HttpConfig(note=where / "note.json", role="hanging"),
    )

    def on_ready() -> None:
        if how == "loop" and hangs_now(how, where):
            hang_in_the_event_loop()

    code = run_workers([station], config, Hooks(on_ready=on_ready))
    exit_within(END_SECONDS, code)
    return code


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    sys.exit(main(*sys.argv[1:]))
