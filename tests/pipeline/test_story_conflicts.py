"""Two reports of one happening that disagree are told by the rule that asks for it, with the suspected unit error."""

from pathlib import Path

import pytest

from tests.dualtrack.kit import dualtrack, json_of, line, write_lines

RULES = "rules: [{id: quarrels, when: {event_type: funding}, kinds: [source conflict], receivers: [file]}]"


def test_a_conflict_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    monkeypatch.setenv("DUALTRACK_ALERT_RULES", str(rules))
    home = tmp_path / "home"
    for number, amount in enumerate(("2000000000", "200000000", "200000000")):
        event = line(
            number,
            "funding",
            id=f"report-{number}",
            company="Mistral AI",
            amount={"value": amount, "currency": "USD"},
        )
        dualtrack("load", str(write_lines(tmp_path / f"{number}.jsonl", [event])), home=home)
    told = [row for row in json_of("alerts", "log", home=home) if row["rule"] == "quarrels"]
    assert [row["kind"] for row in told] == ["source conflict"]
    assert "a unit may be wrong" in told[0]["title"]
