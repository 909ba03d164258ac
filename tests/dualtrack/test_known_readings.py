"""Which readings there are: the store's where there is one, else those that dualtrack comes with."""

from pathlib import Path

import pytest

from dualtrack.known_readings import KnownReading, KnownReadings, NoSuchReading
from dualtrack.settings import Settings
from predictions.load import load_definitions

KNOWN = KnownReadings([KnownReading("p1a", "literal", "open"), KnownReading("p1a", "strict", "met")])


def test_the_first_reading_is_meant_where_none_is_named() -> None:
    assert KNOWN.find(" P1A ", None) == KnownReading("p1a", "literal", "open")
    assert KNOWN.find("p1a", " Strict").state == "met"
    assert KNOWN.prediction("P1a") == "p1a"
    assert KNOWN.readings("p1a") == ["literal", "strict"]


@pytest.mark.parametrize(
    ("id", "reading", "told"),
    [
        ("p1", None, "no prediction is called 'p1'; there are p1a"),
        ("p1a", "plain", "p1a has no reading 'plain'; it has literal, strict"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(id: str, reading: str | None, told: str) -> None:
    with pytest.raises(NoSuchReading) as raised:
        KNOWN.find(id, reading)
    assert str(raised.value) == told


def test_without_a_store_those_of_this_version_are_meant(tmp_path: Path) -> None:
    known = KnownReadings.at_hand(Settings(home=tmp_path))
    for definition in load_definitions():
        assert known.readings(definition.id) == [reading.id for reading in definition.readings]
    assert known.find("p1a", None).state is None


def test_with_a_store_its_states_are_told(decided: Path) -> None:
    assert KnownReadings.at_hand(Settings(home=decided)).find("p1a", "literal").state == "met"
