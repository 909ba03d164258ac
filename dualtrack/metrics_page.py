"""Writes ``docs/metrics.md`` from ``pipeline/telemetry.py``: ``python -m dualtrack.metrics_page``; a test compares.

The comment above each metric in that file is its text here, so that a name is explained in one place.
"""

import re
import sys
from pathlib import Path
from typing import Final

from pipeline import telemetry
from pipeline.telemetry import METRICS, OF_THE_PROCESS, Kind, Metric

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

_INTRODUCTION: Final = """\
# Metrics

<!-- Made from pipeline/telemetry.py by `python -m dualtrack.metrics_page`; do not edit. -->

Every worker serves them at `/metrics` (`http://127.0.0.1:9471` validate, `:9472` settle, `:9470` for `dualtrack up`;
`DUALTRACK_HTTP` changes it). Workers measure batches, not records: all of it costs about a microsecond per record of a
full batch. [operations.md](operations.md) says what to watch and what to do when it is red; `deploy/` holds alert rules
and a Grafana dashboard over these names.
"""

_DECLARED: Final = re.compile(r"((?:^# .*\n)+)^([A-Z_]+): Final = Metric\(", re.MULTILINE)


def metrics_page() -> str:
    """The page as it should be."""
    comments = _comments()
    parts = [_INTRODUCTION]
    parts += [_entry(metric, comments[metric.name]) for metric in METRICS]
    of_process = ", ".join(f"`{name}`" for name in OF_THE_PROCESS)
    parts.append(f"Beside these, on Linux, prometheus_client's own of the process: {of_process}.\n")
    return "\n".join(parts)


def _entry(metric: Metric, comment: str) -> str:
    labels = f" by {', '.join(f'`{label}`' for label in metric.labels)}" if metric.labels else ""
    head = f"## {metric.name}\n\n{metric.kind.capitalize()}{labels}. {metric.help}\n"
    bounds = f"\nBuckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)}.\n"
    return f"{head}\n{comment}\n{bounds if metric.kind is Kind.HISTOGRAM else ''}"


def _comments() -> dict[str, str]:
    source = Path(str(telemetry.__file__)).read_text("utf-8")
    return {
        getattr(telemetry, constant).name: "\n".join(line.removeprefix("# ") for line in comment.splitlines())
        for comment, constant in _DECLARED.findall(source)
    }


if __name__ == "__main__":
    PAGE.write_text(metrics_page(), "utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
