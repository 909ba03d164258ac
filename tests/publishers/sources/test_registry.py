"""The list of sources: names that are unique, and one sentence for a name that is none."""

import pytest

from publishers.sources.registry import SOURCES, UnknownSource, source_named


def test_names_are_unique_and_found() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    assert [source_named(source.name) for source in SOURCES] == list(SOURCES)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownSource, match="no source is called 'prizes'; there are epoch, "):
        source_named("prizes")
