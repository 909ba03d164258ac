"""Writes the outputs in ``docs/`` anew: ``python -m tests.docs.update [docs/PAGE.md ...]``."""

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import pages, rewritten, steps_of
from tests.docs.running import load_seed, run_page


def update(chosen: list[Path]) -> None:
    """Run these pages and write what their commands print now; what still matches stays as it is."""
    with tempfile.TemporaryDirectory(prefix="dualtrack-docs-") as name:
        seeded = Path(name) / "seeded"
        seeded.mkdir()
        load_seed(seeded)
        for page in chosen:
            text = page.read_text("utf-8")
            outputs = dict(run_page(steps_of(text), seeded, Path(name) / page.stem))
            page.write_text(rewritten(text, outputs), "utf-8")


if __name__ == "__main__":
    update([Path(argument).resolve() for argument in sys.argv[1:]] or pages())
