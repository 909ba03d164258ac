"""Names of inputs and raw records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import InputName, RawRecord


@given(st.text(min_size=1), st.integers(min_value=0), st.integers(min_value=0))
def test_a_name_is_read_as_it_was_written(topic: str, partition: int, offset: int) -> None:
    name = InputName(topic, partition, offset)
    assert InputName.parse(str(name)) == name


@pytest.mark.parametrize("text", ["", "signals.deal", "signals.deal/0", "signals.deal/0/x"])
def test_what_names_no_input_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="topic/partition/offset"):
        InputName.parse(text)


@given(st.integers())
def test_whatever_timestamp_a_client_wrote_it_is_a_time_in_utc(timestamp_ms: int) -> None:
    record = RawRecord("t", 0, 0, None, b"", (), timestamp_ms)
    assert 1970 <= record.timestamp.year <= 9999
    assert record.timestamp.utcoffset() is not None


def test_of_repeated_headers_the_last_counts() -> None:
    record = RawRecord("t", 0, 0, None, b"", (("a", b"1"), ("a", b"2")), 0)
    assert record.header("a") == b"2"
    assert record.header("b") is None
