"""How close a publisher is to what happened."""

from pathlib import Path

import pytest

from registry.rows import RegistryError
from registry.sources import Rank, load_sources

SOURCES = load_sources()


@pytest.mark.parametrize(
    ("publisher", "urls", "org_ids", "expected"),
    [
        ("SEC", [], [], Rank.FILING),
        (None, ["https://www.sec.gov/x"], [], Rank.FILING),
        (None, ["https://data.sec.gov/x"], [], Rank.FILING),
        ("Bloomberg", ["https://www.sec.gov/x"], [], Rank.REPORT),  # who publishes counts, not what is linked
        ("OpenAI", [], ["openai", "cerebras"], Rank.COMPANY),
        ("OpenAI", [], ["nvidia"], Rank.REPORT),  # about others
        ("epoch ai", [], [], Rank.AGGREGATOR),
        ("A Gazette", [], [], Rank.REPORT),
        (None, ["https://notsec.gov/x"], [], Rank.REPORT),
        (None, [], [], Rank.REPORT),
    ],
)
def test_rank(publisher: str | None, urls: list[str], org_ids: list[str], expected: Rank) -> None:
    ranked = SOURCES.rank(publisher, urls, org_ids)
    assert ranked.rank is expected
    assert ranked.reason


def test_the_order_of_ranks() -> None:
    assert [rank.value for rank in sorted(Rank, key=lambda rank: rank.place)] == [
        *("filing", "company", "report", "aggregator")
    ]


def test_a_name_that_stands_twice_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(
        "sources:\n  - {name: SEC, rank: filing, reason: law}\n  - {name: sec, rank: report, reason: again}\n"
    )
    with pytest.raises(RegistryError, match=r"sources\.yaml:3: sec: 'sec' already belongs to SEC"):
        load_sources(file)
