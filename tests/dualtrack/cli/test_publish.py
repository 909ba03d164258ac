"""``dualtrack publish``: each line checked and sent, on the embedded broker; what is refused is named."""

import json
from pathlib import Path

import pytest

from dualtrack.settings import BROKER_FILE
from tests.dualtrack.kit import dualtrack, json_of, line, write_lines


def test_good_lines_are_published_and_refused_ones_named(home_with_broker: Path, tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "events.jsonl",
        [b"\xef\xbb\xbf" + line(0), b"", b"?", b"\xff", line(1, occurred_on="2026-02"), b"[]", b'{"a": NaN}', line(2)],
    )
    told = json_of("publish", str(file), home=home_with_broker, exit_code=1)
    assert told["published"] == 3
    assert [item["line"] for item in told["refused"]] == [3, 4, 6, 7]
    said = dualtrack("publish", str(file), home=home_with_broker, exit_code=1)
    assert "3 published, 4 refused" in said.stdout
    assert "line 3: not JSON" in said.stderr
    assert "line 4: byte 0 is not UTF-8" in said.stderr
    assert "line 6: a JSON object is needed" in said.stderr


def test_standard_input_is_read(home_with_broker: Path) -> None:
    said = dualtrack("publish", "-", home=home_with_broker, input=line(3))
    assert said.stdout == "1 published, 0 refused\n"
    assert json_of("publish", "-", home=home_with_broker, input=b"\n") == {"published": 0, "refused": []}


def test_a_wrong_field_is_named(home_with_broker: Path) -> None:
    body = json.loads(line(0))
    body["data"]["occurred_on"] = "soon"
    body["data"]["parties"][0]["name"] = 7
    (refused,) = json_of("publish", "-", home=home_with_broker, input=json.dumps(body).encode(), exit_code=1)["refused"]
    assert "data.occurred_on: Value error, 'soon' is no date" in refused["reason"]
    assert "data.parties.0.name: Input should be a valid string" in refused["reason"]


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    assert "No such file" in dualtrack("publish", str(tmp_path / "none"), home=tmp_path, exit_code=2).stderr
    assert "directory" in dualtrack("publish", str(tmp_path), home=tmp_path, exit_code=2).stderr.lower()


def test_without_a_broker_it_says_how_to_get_one(tmp_path: Path) -> None:
    said = dualtrack("publish", "-", home=tmp_path, input=line(0), exit_code=1).stderr
    assert "DUALTRACK_KAFKA=host:port" in said
    assert "dualtrack up --embedded" in said
    (tmp_path / BROKER_FILE).write_text("127.0.0.1:1")
    said = dualtrack("publish", "-", home=tmp_path, input=line(0), exit_code=1).stderr
    assert "the try-out broker at 127.0.0.1:1 has ended" in said


@pytest.mark.parametrize("address", ["::::", ",", "localhost:kafka"])
def test_an_address_that_is_none_is_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DUALTRACK_KAFKA", address)
    assert "write host:port" in dualtrack("publish", "-", home=tmp_path, input=line(0), exit_code=1).stderr
    assert "write host:port" in dualtrack("topics", "apply", home=tmp_path, exit_code=1).stderr
