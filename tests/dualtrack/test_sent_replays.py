"""What was sent and has no outcome yet is remembered, across commands and crashes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dualtrack.replay import ListedRejection
from dualtrack.sent_replays import ReplayRunning, SentReplays


def item(name: str, attempts: int = 0) -> ListedRejection:
    return ListedRejection(name, "parse", "not_json", "because", datetime(2026, 1, 1, tzinfo=UTC), attempts, False)


def test_a_confirmed_one_waits_until_its_outcome_is_known(tmp_path: Path) -> None:
    with SentReplays(tmp_path / "notes") as sent:
        sent.note([item("t/0/1"), item("t/0/2")], confirmed=False)
        sent.note([item("t/0/1")], confirmed=True)
    with SentReplays(tmp_path / "notes") as sent:
        assert [sent.waiting(item(f"t/0/{number}")) for number in (1, 2, 3)] == [True, False, False]
        assert [sent.doubtful(item(f"t/0/{number}")) for number in (1, 2, 3)] == [False, True, False]
        # Its replay was rejected again: it may be sent again.
        assert not sent.waiting(item("t/0/1", attempts=1))


def test_a_line_that_a_crash_cut_off_does_no_harm(tmp_path: Path) -> None:
    with SentReplays(tmp_path / "notes") as sent:
        sent.note([item("t/0/1")], confirmed=True)
    with (tmp_path / "notes").open("ab") as file:
        file.write(b'{"input": "t/0/')
    with SentReplays(tmp_path / "notes") as sent:
        assert sent.waiting(item("t/0/1"))
        sent.note([item("t/0/2")], confirmed=True)
    with SentReplays(tmp_path / "notes") as sent:
        assert sent.waiting(item("t/0/2")), "the next line is not glued to the broken one"


def test_the_file_is_emptied_when_nothing_waits(tmp_path: Path) -> None:
    with SentReplays(tmp_path / "notes") as sent:
        sent.note([item("t/0/1")], confirmed=True)
        sent.forget_settled([item("t/0/1")])
        assert sent.waiting(item("t/0/1"))
        sent.forget_settled([item("t/0/2")])
        assert not sent.waiting(item("t/0/1"))
    assert (tmp_path / "notes").read_bytes() == b""


def test_two_commands_at_once_are_refused(tmp_path: Path) -> None:
    with (
        SentReplays(tmp_path / "notes"),
        pytest.raises(ReplayRunning, match="another `rejections replay`"),
        SentReplays(tmp_path / "notes"),
    ):
        pass
