"""What a query spills is for its user only, and is gone with the process."""

import stat
import subprocess
import sys
from pathlib import Path

from sinks.spill import spill_folder

ROOT = Path(__file__).parents[2]


def test_the_folder_is_one_for_this_process_and_this_user_only() -> None:
    assert spill_folder() is spill_folder()
    assert stat.S_IMODE(spill_folder().stat().st_mode) == 0o700


def test_it_is_gone_with_the_process() -> None:
    program = "from sinks.spill import spill_folder; f = spill_folder(); (f / 'x').touch(); print(f)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("dualtrack-spill-")
    assert not folder.exists()
