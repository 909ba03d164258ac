"""Who first stated a report."""

import pytest

from stories.origins import origin_key, origin_label


@pytest.mark.parametrize(
    ("publisher", "origin", "urls", "expected"),
    [
        ("CNBC", "Reuters", ["https://cnbc.com/1"], "Reuters"),
        ("CNBC", None, ["https://reuters.com/1"], "CNBC"),
        (None, None, ["https://www.reuters.com/1"], "reuters.com"),
        (None, " ", [], "desk"),
        (None, None, ["https://[broken"], "desk"),
    ],
)
def test_whom_the_publisher_repeats_else_the_publisher_else_the_site(
    publisher: str | None, origin: str | None, urls: list[str], expected: str
) -> None:
    assert origin_label(publisher, origin, urls, "desk") == expected


def test_spellings_of_one_origin_are_one() -> None:
    assert origin_key("Reuters Ltd.") == origin_key("REUTERS")
    assert origin_key("!") == "!"
