"""The page of the metrics cannot drift from the list."""

from dualtrack.metrics_page import PAGE, metrics_page
from pipeline.telemetry import METRICS


def test_the_page_is_as_the_list_says() -> None:
    assert PAGE.read_text("utf-8") == metrics_page(), "run `python -m dualtrack.metrics_page`"


def test_every_metric_is_explained_on_it() -> None:
    page = metrics_page()
    assert all(f"\n## {metric.name}\n" in page for metric in METRICS)
