"""``make audit``: what passes, what fails, and that nothing audited is never called fine."""

import importlib.util
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 25)


def load_audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


audit: Any = load_audit()

CLEAN = {"name": "clean", "version": "1", "vulns": []}
SKIPPED = {"name": "skipped", "skip_reason": "Dependency not found on PyPI"}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]}


def verdict(*dependencies: dict[str, Any], allowed: list[Any] | None = None) -> list[str]:
    found = audit.read_report("pypi", {"dependencies": list(dependencies)})
    told: list[str] = audit.verdict(found, allowed or [], TODAY)
    return told


def entry(**fields: Any) -> Any:
    usual = {"id": "CVE-1", "package": "bad", "reason": "r", "since": date(2026, 1, 1), "until": date(2027, 1, 1)}
    return audit.Allowed(**{**usual, **fields})


def test_a_known_vulnerability_fails_unless_it_is_allowed_by_any_of_its_names() -> None:
    assert verdict(CLEAN) == []
    assert verdict(CLEAN, BAD) == ["bad 2 is vulnerable: CVE-1, PYSEC-1"]
    assert verdict(BAD, allowed=[entry()]) == []
    assert verdict(BAD, allowed=[entry(id="PYSEC-1")]) == []
    assert verdict(BAD, allowed=[entry(package="other")]) != []


def test_what_was_not_audited_is_no_pass() -> None:
    assert verdict(CLEAN, SKIPPED) == ["skipped could not be audited"]


def test_an_allowance_ends_and_does_not_outlive_what_it_allows() -> None:
    assert verdict(BAD, allowed=[entry(until=TODAY)])[0] == f"CVE-1 of bad was allowed until {TODAY} only"
    assert verdict(CLEAN, allowed=[entry()]) == ["CVE-1 is allowed, but bad no longer has it: remove it"]


@pytest.mark.parametrize("broken", ['id = "X"', 'reason = " "', "until = 2020-01-01", 'since = "lately"'])
def test_an_entry_without_reason_or_dates_is_refused(tmp_path: Path, broken: str) -> None:
    lines = {
        "id": 'id = "X"',
        "package": 'package = "bad"',
        "reason": 'reason = "never called"',
        "since": "since = 2026-01-01",
        "until": "until = 2027-01-01",
    }
    file = tmp_path / "allowed.toml"
    file.write_text("[[allowed]]\n" + "\n".join(lines.values()))
    assert audit.read_allowed(file)[0].package == "bad"
    name = broken.partition(" ")[0]
    kept = {**lines, name: broken} if name != "id" else {"id": broken}
    file.write_text("[[allowed]]\n" + "\n".join(kept.values()))
    with pytest.raises(ValueError, match=r"allowed\.toml"):
        audit.read_allowed(file)


def test_the_allowlist_of_the_project_reads() -> None:
    assert isinstance(audit.read_allowed(audit.ALLOWED), list)


@pytest.mark.parametrize(
    ("withdrawn", "required", "code"), [([], False, 0), ([], True, 2), (["x"], False, 1), (None, False, 0)]
)
def test_nothing_audited_is_said_so(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    withdrawn: list[str] | None,
    required: bool,
    code: int,
) -> None:
    unreachable = {"pypi": audit.read_report("pypi", {"dependencies": [SKIPPED]}), "osv": None}
    monkeypatch.setattr(audit, "ask", unreachable.__getitem__)
    monkeypatch.setattr(audit, "yanked", lambda: withdrawn)
    assert audit.audit(TODAY, required=required) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith("audit: NOTHING WAS AUDITED")


def test_pip_audit_reads_our_lock_and_answers_in_the_form_that_is_read(tmp_path: Path) -> None:
    """Without a network: a dry run of the real tool on the real lock."""
    options = ["--require-hashes", "--disable-pip", "--dry-run", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", "-r", str(audit.LOCK), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert "would have audited" in done.stderr
