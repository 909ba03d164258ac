"""``dualtrack doctor``: what it prints, and its exit code."""

from pathlib import Path

import pytest

from tests.dualtrack.kit import dualtrack, json_of


def test_a_healthy_home(loaded: Path) -> None:
    found = {item["name"]: item for item in json_of("doctor", home=loaded)}
    assert list(found) == ["python", "libraries", "home", "store", "broker", "definitions", "alert rules", "webhook"]
    assert found["store"]["found"].endswith("1 duplicate, 8 landed, 3 rejected")
    assert found["broker"]["ok"] is None
    shown = dualtrack("doctor", home=loaded).stdout
    assert "→ set DUALTRACK_KAFKA=host:port" in shown
    # Columns are aligned, whatever the mark.
    assert len({line.index(name) for name in found for line in shown.splitlines() if f" {name} " in line[:20]}) == 1


def test_what_is_wrong_is_the_exit_code_and_says_how_to_mend_it(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    said = dualtrack("doctor", "--only", "home", home=home, exit_code=1).stdout
    assert "wrong" in said
    assert "→ choose another with --home" in said


def test_one_check_or_several(loaded: Path) -> None:
    found = json_of("doctor", "--only", "store", "--only", "python", home=loaded)
    assert [item["name"] for item in found] == ["store", "python"]
    said = dualtrack("doctor", "--only", "liver", home=loaded, exit_code=2).stderr
    assert "no check is called liver; there are python, libraries" in said


def test_a_broken_setting_is_a_finding_and_the_rest_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALTRACK_WEBHOOK_URL", "foo")
    found = json_of("doctor", home=tmp_path, exit_code=1)
    assert [(item["name"], item["ok"]) for item in found] == [
        ("settings", False),
        ("python", True),
        ("libraries", True),
        ("definitions", True),
    ]
    assert "DUALTRACK_WEBHOOK_URL holds no address: write https://host/path" in found[0]["found"]
    assert "foo" not in found[0]["found"]
