"""``python -m dualtrack``: the command, where its script is not in PATH."""

from dualtrack.cli.main import run

run()
