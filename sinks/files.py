"""Copying files safely: by a child process, whole or not at all."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sinks.base import StoreBusy

_COPY_SECONDS: Final = 600.0


def copy_by_child(source: Path, target: Path, before_replace: Callable[[], None] | None = None) -> None:
    """Copy a file in a child process; ``target`` appears whole, on disk, or not at all.

    A child, because closing a handle of a DuckDB file in the process that has it open drops its lock.
    ``--reflink=auto`` copies nothing where the file system can share blocks. ``before_replace`` runs when the copy is
    complete and has not taken its name yet. Raises StoreBusy when the copy fails (disk full, ...).
    """
    part = target.with_name(f".{target.name}.part")
    # Unlinked first: a child that outlived a killed parent may still be writing to a file of this name.
    part.unlink(missing_ok=True)
    try:
        _copy(source, part)
        _flush_to_disk(part)
        if before_replace is not None:
            before_replace()
        part.replace(target)
        _flush_to_disk(target.parent)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreBusy(f"could not copy {source} to {target}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, part: Path) -> None:
    said = ""
    # The second is for systems whose cp has no reflinks.
    for command in (["cp", "--reflink=auto"], ["cp"]):
        done = subprocess.run(
            [*command, "--", str(source), str(part)], capture_output=True, text=True, timeout=_COPY_SECONDS, check=False
        )
        if done.returncode == 0:
            return
        said = done.stderr.strip()
    raise OSError(said)


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
