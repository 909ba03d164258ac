"""The house rules of SECURITY.md: what our sources, our image and our compose file must not hold."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from dualtrack.running import PORTS, http_config
from dualtrack.settings import Settings
from pipeline.web import LOOPBACK, HttpConfig

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = (
    "dualtrack",
    "pipeline",
    "schemas",
    "sinks",
    "checks",
    "predictions",
    "registry",
    "publishers",
    "stories",
    ".ci",
)
SOURCES: Final = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))

FORBIDDEN_MODULES: Final = frozenset(
    {
        "pickle",
        "cPickle",
        "_pickle",
        "cloudpickle",
        "dill",
        "jsonpickle",
        "joblib",
        "shelve",
        "marshal",
        "yaml",
        "telnetlib",
    }
)
"""They run what they read (PyYAML unless one takes care; ruamel with ``typ="safe"`` or ``"rt"`` does not)."""

FORBIDDEN_CALLS: Final = frozenset({"eval", "exec", "__import__", "os.system", "os.popen", "tempfile.mktemp"})

FORBIDDEN_OPTIONS: Final = {
    "shell": True,
    "verify": False,
    "check_hostname": False,
    "ssl_check_hostname": False,
    "allow_pickle": True,
}

FORBIDDEN_NAMES: Final = frozenset({"CERT_NONE", "_create_unverified_context", "SSLv23_METHOD"})

EVERYWHERE: Final = ".".join("0000")

LISTENERS: Final = {"pipeline/web.py": 1}
"""Files that may name the address of all interfaces, and how often: to say that who listens there is at home too."""

CLIENTS: Final = {
    "dualtrack/broker/embedded.py",  # the try-out broker itself, in this process
    "dualtrack/group_reset.py",
    "dualtrack/groups.py",
    "dualtrack/topics.py",
    "pipeline/delivery.py",
    "pipeline/log_tail.py",
    "pipeline/reaching.py",
    "pipeline/whole_log.py",
    "publishers/sdk.py",
}
"""Files that open connections to Kafka. A new one must take ``Settings.librdkafka()`` or ``kafka_python()``, and
tests/kafka/test_security.py must run its command; then add it here."""


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8")))


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.split(".")[0]}
    return set()


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_nothing_runs_what_it_reads_and_nothing_skips_verification(path: Path) -> None:
    for node in nodes(path):
        assert not imported(node) & FORBIDDEN_MODULES, f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in FORBIDDEN_NAMES, f"line {node.lineno}"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS, f"line {node.lineno}"
            for option in node.keywords:
                if isinstance(option.value, ast.Constant) and option.arg in FORBIDDEN_OPTIONS:
                    assert option.value.value is not FORBIDDEN_OPTIONS[option.arg], f"line {node.lineno}: {option.arg}"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_option_chooses_pickle(path: Path) -> None:
    """Faust and Great Expectations take serializers by name."""
    named = [node for node in nodes(path) if isinstance(node, ast.Constant) and "pickle" in str(node.value).lower()]
    assert [node.lineno for node in named] == []


def test_yaml_is_read_by_kinds_that_make_no_objects() -> None:
    kinds = {
        option.value.value
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "YAML"
        for option in node.keywords
        if option.arg == "typ" and isinstance(option.value, ast.Constant)
    }
    assert kinds <= {"safe", "rt"}
    assert kinds


def test_only_known_files_name_all_interfaces() -> None:
    found = {
        short(path): count
        for path in SOURCES
        if (count := sum(isinstance(node, ast.Constant) and node.value == EVERYWHERE for node in nodes(path)))
    }
    assert found == LISTENERS


def test_web_interfaces_listen_on_loopback_unless_told_otherwise() -> None:
    assert LOOPBACK == "127.0.0.1"
    assert HttpConfig().host == LOOPBACK
    for role in PORTS:
        config = http_config(Settings(), role)
        assert config
        assert config.host == LOOPBACK


def test_every_file_that_connects_to_kafka_is_known() -> None:
    client = re.compile(
        r"(^|\.)(Kafka(Producer|Consumer|AdminClient)|AIOKafka\w+|AdminClient)$|^confluent_kafka\.\w+er$"
    )
    found = {
        short(path)
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Call) and client.search(ast.unparse(node.func))
    }
    assert found == CLIENTS


def test_what_sounds_like_a_secret_is_one() -> None:
    for name, field in Settings.model_fields.items():
        if re.search(r"(password|secret|token|credential|url)$", name):
            assert "SecretStr" in str(field.annotation), f"{name} must be a {SecretStr.__name__}"
            assert f"{name}_file" in Settings.model_fields, f"{name} must come from a file too"


def test_the_rules_of_security_stay_on() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert {rule for rule in lint["ignore"] if re.fullmatch(r"S\d+", rule)} == {"S603", "S607", "S608"}
    tolerated = {rule for rules in lint["per-file-ignores"].values() for rule in rules if re.fullmatch(r"S\d*", rule)}
    assert tolerated <= {"S101", "S105", "S106", "S108", "S310", "S311"}


def test_no_source_waives_a_rule_of_security_but_these() -> None:
    waived = [(short(path), rule) for path in SOURCES for rule in re.findall(r"noqa: (S\d+)", path.read_text("utf-8"))]
    assert sorted(waived) == [("dualtrack/broker/java.py", "S314"), ("pipeline/web.py", "S104")]


def test_the_image_runs_as_nobody_special_and_installs_by_hash() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in images), images
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1].split(":")[0] not in ("root", "0")
    assert "--require-hashes" in "\n".join(lines)
    assert not re.search(r"(PASSWORD|SECRET|TOKEN)=|^ADD |curl |wget ", "\n".join(lines), re.MULTILINE)


def test_the_compose_file_publishes_on_loopback_only_and_holds_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for name, service in YAML(typ="safe").load(text)["services"].items():
        assert [port for port in service.get("ports", ()) if not str(port).startswith("127.0.0.1:")] == [], name
        assert not service.get("privileged", False), name
        assert "docker.sock" not in str(service.get("volumes", "")), name
    assert not re.search(r"(PASSWORD|SECRET|TOKEN)\w*:\s*\S", text)


def test_every_test_that_the_security_policy_names_exists() -> None:
    named = set(re.findall(r"`((?:tests|\.ci)/[\w./-]+?)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text("utf-8")))
    assert named
    for file, test in named:
        path = ROOT / file
        assert path.exists(), file
        assert not test or f"def {test}(" in path.read_text("utf-8"), f"{file}::{test}"
