import json
from pathlib import Path
from tests.dualtrack.kit import json_of, line, write_lines

def test_conflict(own_copy: Path, tmp_path, monkeypatch) -> None:
    f = tmp_path / "r.yaml"
    f.write_text("rules: [{id: c, when: {event_type: funding}, kinds: [source conflict], receivers: [file]}]")
    monkeypatch.setenv("DUALTRACK_ALERT_RULES", str(f))
    a = line(70, "funding", id="c1", company="Mistral AI", amount={"value": "2000000000", "currency": "USD"})
    b = line(71, "funding", id="c2", company="Mistral AI", amount={"value": "200000000", "currency": "USD"})
    json_of("load", str(write_lines(own_copy / "m.jsonl", [a, b])), home=own_copy)
    rows = json_of("alerts", "log", home=own_copy)
    print([(r["kind"], r["title"]) for r in rows if r["rule"] == "c"])
    assert any(r["kind"] == "source conflict" for r in rows)
