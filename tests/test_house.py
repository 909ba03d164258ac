"""The house: every file in its tuple, no file too long, nothing that depends on the machine or on ../shared."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGES = ("dualtrack", "pipeline", "schemas", "sinks", "checks", "predictions", "registry", "publishers", "stories")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 50
FLOW_LINES = 150


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= LONGEST_FILE or "Longer than 300 lines, because" in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"


def test_the_flow_reads_top_to_bottom_in_under_150_lines() -> None:
    assert (ROOT / "pipeline" / "flow.py").read_text("utf-8").count("\n") < FLOW_LINES


def test_every_event_type_is_in_its_tuple() -> None:
    from schemas.events import EVENTS
    from schemas.topics import EVENT_TYPES

    files = {path.stem for path in (ROOT / "schemas" / "events").glob("*.py")} - {"__init__", "base"}
    assert files == {event.__module__.rsplit(".", 1)[-1] for event in EVENTS}
    assert [event.event_type for event in EVENTS] == list(EVENT_TYPES)


def test_only_settings_reads_the_environment() -> None:
    readers = [short(path) for path in SOURCES if re.search(r"os\.environ|os\.getenv|BaseSettings", path.read_text())]
    assert readers == ["dualtrack/settings.py"]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_nothing_at_run_time_depends_on_what_lies_beside_the_project() -> None:
    dependent = [short(path) for path in SOURCES if re.search(r"\.\./shared|/ ?\"shared\"|/work/", path.read_text())]
    assert dependent == []


def test_no_file_names_a_package_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert not re.search(r"index-url|find-links|https?://", lock)


def test_no_skip_without_a_reason() -> None:
    marks = re.compile(r"mark\.skip\b(?!if)|mark\.xfail\(\)|pytest\.skip\(\s*\)")
    found = [
        short(path)
        for path in tracked_files()
        if path.suffix == ".py" and path != Path(__file__) and marks.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_ci_calls_what_the_readme_says() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make demo" in (ROOT / "README.md").read_text()


def test_the_compose_file_is_whole() -> None:
    services = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {"kafka", "validate", "settle"} <= services.keys()
    for name in ("kafka", "validate", "settle"):
        assert services[name].get("healthcheck", {}).get("test"), f"{name} has no health check"
    for name, service in services.items():
        image = service.get("image", "")
        assert "build" in service or re.search(r":v?\d", image), f"{name} has no pinned image"


def test_the_commands_of_the_compose_file_exist() -> None:
    from typer.main import get_command

    from dualtrack.cli.main import app

    known = get_command(app).commands.keys()  # type: ignore[attr-defined]
    services = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())["services"]
    called = [service["command"] for service in services.values() if "build" in service]
    assert called
    for words in called:
        assert words[0] in known, words
