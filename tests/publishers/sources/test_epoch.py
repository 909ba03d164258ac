"""Epoch's companies and models: what happened when, and since when it could be known."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from publishers.sources import epoch
from publishers.sources.signal import Signal
from publishers.sources.tables import SourceBroken
from schemas.events import Funding, Metric, ModelRelease

DATA = Path(__file__).parents[4] / "shared" / "data" / "epoch_ai"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")

FUNDING = (
    "Id,Company,Close date,Status,Funding (equity),Funding (debt),Valuation (post-money),Report date,Source 1,"
    "Confidence\n"
)
REVENUE = (
    "Id,Company,Date,Revenue amount (normalize to annual),Annualized revenue (USD),Type,Report date,Source 1,"
    "Confidence\n"
)
USAGE = (
    "Id,Company,Active users,Active users time period,Daily tokens,Daily messages,Date,Report date,Product,"
    "Exclude from graph view\n"
)
MODELS = (
    "Model,Organization,Publication date,Training compute (FLOP),Training hardware,Link,Country (of organization),"
    "Model accessibility,Confidence\n"
)


def funding(folder: Path, *rows: str) -> list[tuple[Signal, Funding]]:
    (folder / "ai_companies_funding_rounds.csv").write_text(FUNDING + "\n".join(rows) + "\n")
    found = list(epoch.funding(folder))
    return [(one, one.event) for one in found if isinstance(one.event, Funding)]


def test_a_round_happens_when_it_closes_and_cannot_be_known_before(tmp_path: Path) -> None:
    ((signal, event),) = funding(
        tmp_path, "Last,OpenAI,2025-12-30,Closed,22500000000.0,,,2025-03-31,https://x.org,Likely"
    )
    assert (str(event.occurred_on), signal.known) == ("2025-12-30", datetime(2025, 12, 30, tzinfo=UTC))
    assert (event.status, event.urls) == ("closed", ("https://x.org",))


def test_an_early_round_that_was_reported_late_is_known_from_the_report(tmp_path: Path) -> None:
    ((signal, _),) = funding(tmp_path, "March,OpenAI,3/15/2021,Closed,2000000000.0,,,1/12/2023,,")
    assert signal.known == datetime(2023, 1, 12, tzinfo=UTC)


def test_talks_are_no_round_and_happen_when_they_are_reported(tmp_path: Path) -> None:
    ((_, event),) = funding(tmp_path, "Talks,OpenAI,,Early discussions,,,750000000000.0,2025-12-17,,")
    assert (event.status, str(event.occurred_on), event.amount) == ("in talks", "2025-12-17", None)


def test_equity_and_debt_are_two_events_and_old_shares_are_no_amount(tmp_path: Path) -> None:
    both = funding(
        tmp_path, "R,xAI,2025-06-30,Closed,5e9,4e9,1.5e11,2025-08-01,,", "T,xAI,2025-07-01,Closed,0.0,,2e11,,,"
    )
    assert [(event.round, event.amount and event.amount.value, bool(event.valuation)) for _, event in both] == [
        ("R", Decimal("5e9"), True),
        ("debt", Decimal("4e9"), False),
        ("T", None, True),
    ]


def test_kinds_of_revenue_are_series_of_their_own_and_empty_rows_say_nothing(tmp_path: Path) -> None:
    rows = (
        ",xAI,,,,,,,",
        "Q1,xAI,2025-03-31,208000000.0,208000000.0,Quarterly revenue,2025-06-06,,",
        "2024,OpenAI,2024-12-31,3700000000.0,,Yearly revenue,2025-03-26,,",
        "App,OpenAI,2025-04-01,4.8e9,,Product/division revenue,2025-04-01,,",
    )
    (tmp_path / "ai_companies_revenue_reports.csv").write_text(REVENUE + "\n".join(rows) + "\n")
    events = [one.event for one in epoch.revenue(tmp_path) if isinstance(one.event, Metric)]
    assert [(event.subject, event.metric, event.series, str(event.period)) for event in events] == [
        ("xAI", "annualised revenue", "xAI / annualised revenue / quarter", "None"),
        ("OpenAI", "revenue", "OpenAI / revenue / year", "2024"),
        ("OpenAI", "product revenue", "OpenAI / product revenue / product", "None"),
    ]


def test_usage_gives_one_event_per_number_and_leaves_out_what_epoch_does(tmp_path: Path) -> None:
    rows = (
        "A,OpenAI,3e8,Weekly,1e9,,2024-12-04,2024-12-04,ChatGPT,",
        "B,OpenAI,4e7,Weekly,,,2025-10-14,2025-10-14,ChatGPT,True",
    )
    (tmp_path / "ai_companies_usage_reports.csv").write_text(USAGE + "\n".join(rows) + "\n")
    events = [one.event for one in epoch.usage(tmp_path) if isinstance(one.event, Metric)]
    assert [(event.subject, event.metric, event.value) for event in events] == [
        ("ChatGPT", "weekly users", Decimal("3e8")),
        ("ChatGPT", "daily tokens", Decimal("1e9")),
    ]


def test_a_model_is_known_from_the_snapshot_on(tmp_path: Path) -> None:
    row = '"Grok 3\n",xAI,2025-02-17,3.5e26,NVIDIA H100,https://x.ai,United States of America,API access,Likely\n'
    (tmp_path / "notable_ai_models.csv").write_text(MODELS + row)
    (signal,) = epoch.models(tmp_path)
    event = signal.event
    assert isinstance(event, ModelRelease)
    assert (event.model, event.training_compute_flop, event.open_weights) == ("Grok 3", 3.5e26, False)
    assert (signal.id, signal.known.date()) == ("xai-grok-3-2025-02-17", epoch.SNAPSHOT)


def test_a_changed_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "ai_companies_funding_rounds.csv").write_text(FUNDING.replace("Close date", "Closed on"))
    with pytest.raises(SourceBroken, match="the column 'Close date' is missing"):
        list(epoch.funding(tmp_path))


@needs_data
def test_the_real_files_give_unique_identities_and_nothing_from_the_future() -> None:
    found = list(epoch.signals(DATA))
    counted = Counter(one.event.event_type for one in found)
    assert counted["funding"] > 35
    assert counted["metric"] > 80
    assert counted["model-release"] > 900
    assert [id for id, times in Counter((one.source, one.id) for one in found).items() if times > 1] == []
    assert all(one.event.occurred_on.last <= one.known.date() <= date(2026, 1, 20) for one in found)
    assert [one.as_body() for one in epoch.signals(DATA)] == [one.as_body() for one in found]
