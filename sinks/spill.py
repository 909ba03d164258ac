"""Where reading connections put what does not fit into memory."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def spill_folder() -> Path:
    """A folder of this process, for this user only: a name that others can guess, they could make first."""
    folder = Path(tempfile.mkdtemp(prefix="dualtrack-spill-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
