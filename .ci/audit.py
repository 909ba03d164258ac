"""Are there known vulnerabilities in requirements.lock? Says what was audited, and never "ok" for nothing.

pip-audit asks PyPI's advisories, then OSV's. Where neither can be reached (a mirror that carries packages only), what
is left is asked of the package index: was a pinned release withdrawn ("yanked")? That is no audit, and is called none.

Exit codes: 0 nothing known (or nothing could be asked: see the last line), 1 a vulnerability, a package that was not
audited while others were, or a wrong allowlist; 2 with --require where nothing could be asked.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"
ALLOWED: Final = Path(__file__).with_name("audit-allowed.toml")
SERVICES: Final = ("pypi", "osv")
SERVICE_SECONDS: Final = 300


@dataclass(frozen=True)
class Allowed:
    """A vulnerability that we live with for now."""

    id: str
    package: str
    reason: str
    since: date
    until: date


@dataclass
class Findings:
    """What one source of advisories said."""

    source: str
    audited: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    vulnerable: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    """Package, version, all names of the advisory."""


def read_allowed(path: Path) -> list[Allowed]:
    """The allowlist; raises ValueError where an entry lacks its reason or a date."""
    entries = tomllib.loads(path.read_text("utf-8")).get("allowed", [])
    names = set(Allowed.__dataclass_fields__)
    for entry in entries:
        if set(entry) != names or not str(entry["reason"]).strip():
            raise ValueError(f"{path.name}: each entry has exactly {', '.join(sorted(names))}: {entry}")
        if not (type(entry["since"]) is date and type(entry["until"]) is date and entry["since"] < entry["until"]):
            raise ValueError(f"{path.name}: since and until are dates, since before until: {entry}")
    return [Allowed(**entry) for entry in entries]


def read_report(source: str, report: dict[str, Any]) -> Findings:
    """pip-audit's JSON."""
    found = Findings(source)
    for item in report["dependencies"]:
        if "skip_reason" in item:
            found.skipped.append(item["name"])
            continue
        found.audited.append(item["name"])
        for vulnerability in item["vulns"]:
            names = frozenset([vulnerability["id"], *vulnerability.get("aliases", ())])
            found.vulnerable.append((item["name"], item["version"], names))
    return found


def ask(source: str) -> Findings | None:
    """What pip-audit learns there; None where it cannot be reached."""
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--vulnerability-service", source, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SERVICE_SECONDS)
        return read_report(source, json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def verdict(found: Findings, allowed: list[Allowed], today: date) -> list[str]:
    """What is wrong, a line each; empty when nothing is."""
    live = [entry for entry in allowed if entry.until > today]
    wrong = [
        f"{entry.id} of {entry.package} was allowed until {entry.until} only" for entry in allowed if entry not in live
    ]
    used = set()
    for package, version, names in found.vulnerable:
        matching = [entry for entry in live if entry.package == package and entry.id in names]
        used.update(matching)
        if not matching:
            wrong.append(f"{package} {version} is vulnerable: {', '.join(sorted(names))}")
    wrong += [f"{name} could not be audited" for name in found.skipped]
    if not found.skipped:
        wrong += [
            f"{entry.id} is allowed, but {entry.package} no longer has it: remove it"
            for entry in live
            if entry not in used
        ]
    return wrong


def yanked() -> list[str] | None:
    """Pinned releases that were withdrawn, as pip tells them; None where pip cannot reach its index either."""
    options = [
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--require-hashes",
        "--disable-pip-version-check",
        "--quiet",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "-r", str(LOCK)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return None
    return [line for line in done.stderr.splitlines() if "yanked version" in line]


def audit(today: date, *, required: bool) -> int:
    """Ask the sources in turn, say what came of it, and return the exit code."""
    allowed = read_allowed(ALLOWED)
    for source in SERVICES:
        found = ask(source)
        if found is None or not found.audited:
            print(f"audit: {source} could not be asked")
            continue
        wrong = verdict(found, allowed, today)
        for line in wrong:
            print(f"audit: {line}")
        print(
            f"audit: {source} knows {len(found.vulnerable)} vulnerabilities of {len(found.audited)} packages; "
            f"{len(found.skipped)} were not audited; {len(allowed)} allowed by {ALLOWED.name}"
        )
        return 1 if wrong else 0
    return _only_yanks(required=required)


def _only_yanks(*, required: bool) -> int:
    found = yanked()
    for line in found or ():
        print(f"audit: {line}")
    if found is None:
        print("audit: the package index could not be asked for withdrawn releases either")
    else:
        print(f"audit: {len(found)} of the pinned releases were withdrawn by their authors")
    print("audit: NOTHING WAS AUDITED for known vulnerabilities: no source of advisories can be reached from here")
    return 1 if found else 2 if required else 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail where no source can be reached")
    return audit(datetime.now(UTC).date(), required=parser.parse_args().require)


if __name__ == "__main__":
    sys.exit(main())
