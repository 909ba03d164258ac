"""Prices: first ones, changes, corrections of a day, ends; and no price of nothing."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from publishers.sources import prices
from publishers.sources.tables import SourceBroken
from schemas.events import ModelRelease
from schemas.values import Money

DATA = Path(__file__).parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")

HEAD = (
    "commit_time,commit,provider,model_id,kind,old_input_usd_mtok,old_output_usd_mtok,"
    "new_input_usd_mtok,new_output_usd_mtok\n"
)


def listed(folder: Path, *rows: str) -> list[ModelRelease]:
    (folder / "price_events_from_git.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return [one.event for one in prices.models_dev(folder) if isinstance(one.event, ModelRelease)]


def pair(event: ModelRelease) -> tuple[Decimal | None, ...]:
    """Input and output now, then before."""
    assert event.price is not None
    plan = event.price
    return tuple(value(money) for money in (plan.input, plan.output, plan.previous_input, plan.previous_output))


def value(money: Money | None) -> Decimal | None:
    return money.value if money else None


def test_a_price_and_its_change(tmp_path: Path) -> None:
    events = listed(
        tmp_path,
        "2025-08-26T00:35:54+08:00,c2,deepseek,chat,changed,0.27,1.1,0.57,1.68",
        "2025-06-11T16:51:05-04:00,c1,deepseek,chat,added,,,0.27,1.1",
    )
    assert [pair(event) for event in events] == [
        (Decimal("0.27"), Decimal("1.1"), None, None),
        (Decimal("0.57"), Decimal("1.68"), Decimal("0.27"), Decimal("1.1")),
    ]
    assert [str(event.occurred_on) for event in events] == ["2025-06-11", "2025-08-25"]
    assert [event.developer for event in events] == ["DeepSeek", "DeepSeek"]


def test_what_is_mended_within_two_days_is_a_correction_that_keeps_the_price_before(tmp_path: Path) -> None:
    events = listed(
        tmp_path,
        "2026-06-03T15:13:54-05:00,c1,mistral,medium,changed,0.4,2.0,1.5,7.5",
        "2026-06-04T14:24:57-05:00,c2,mistral,medium,changed,1.5,7.5,0.4,2.0",
        "2026-06-09T14:24:57-05:00,c3,mistral,medium,changed,0.4,2.0,0.3,2.0",
    )
    assert [bool(event.corrects) for event in events] == [False, True, False]
    assert pair(events[1]) == (Decimal("0.4"), Decimal("2.0"), Decimal("0.4"), Decimal("2.0"))
    assert events[1].corrects is not None
    assert events[1].corrects.id == "mistral/medium@2026-06-03T20:13/changed"


def test_nothing_is_no_price_and_what_follows_it_is_a_first_one(tmp_path: Path) -> None:
    events = listed(
        tmp_path,
        "2026-01-27T03:16:34-05:00,c1,moonshotai,k2,added,,,0,0",
        "2026-01-29T03:16:34-05:00,c2,moonshotai,k2,changed,0,0,0.6,3.0",
    )
    assert [pair(event) for event in events] == [(Decimal("0.6"), Decimal("3.0"), None, None)]


def test_a_listing_that_is_removed_ends_and_takes_nothing_back(tmp_path: Path) -> None:
    events = listed(
        tmp_path,
        "2025-06-11T16:51:05-04:00,c1,openai,gpt-4.5,added,,,75,150",
        "2025-07-16T08:19:00-04:00,c2,openai,gpt-4.5,removed,75,150,,",
    )
    assert [(event.status, event.retracts) for event in events] == [("announced", None), ("terminated", None)]
    assert pair(events[1]) == (None, None, Decimal(75), Decimal(150))


def test_resellers_are_left_out(tmp_path: Path) -> None:
    assert listed(tmp_path, "2025-06-11T16:51:05-04:00,c1,openrouter,gpt-4.5,added,,,75,150") == []


@pytest.mark.parametrize("time", ["yesterday", "2025-06-11T16:51:05"])
def test_a_time_without_a_zone_is_refused(tmp_path: Path, time: str) -> None:
    with pytest.raises(SourceBroken, match=r"price_events_from_git\.csv:2: column 'commit_time'"):
        listed(tmp_path, f"{time},c1,openai,m,added,,,1,2")


@needs_data
def test_the_real_histories_have_unique_identities_and_positive_prices() -> None:
    found = list(prices.signals(DATA))
    assert [id for id, times in Counter((one.source, one.id) for one in found).items() if times > 1] == []
    money = [amount.value for one in found for amount in one.event.money().values()]
    assert min(money) > 0
    seen = {one.id for one in found}
    assert all(one.event.corrects is None or one.event.corrects.id in seen for one in found)
