"""A worker process for the fault tests: its station appends every value to a file, with fsync, and takes its time."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.app import run_workers
from pipeline.fetching import ReadConfig
from schemas.records import OutRecord, RecordBatch
from tests.pipeline.worker_kit import MemoryStation, config_for


@dataclass
class FilingStation(MemoryStation):
    file: Path = Path()

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        with self.file.open("ab") as lines:
            for record in records:
                lines.write((record.value or b"") + b"\n")
            lines.flush()
            os.fsync(lines.fileno())
        time.sleep(0.02)
        return ()


def main(bootstrap_servers: str, topic: str, file: str, group: str) -> int:
    station = FilingStation((topic,), file=Path(file))
    config = config_for(bootstrap_servers, Path(file).parent, group)
    return run_workers([station], replace(config, reading=ReadConfig(max_records=50)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
