"""What is shipped for operators fits together: the compose file, Prometheus, Grafana, the image, the pages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dualtrack.running import PORTS
from dualtrack.settings import Settings, split_address
from pipeline.health import Limits
from pipeline.telemetry import METRICS, OF_THE_PROCESS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "dualtrack.json"
OURS = ("topics", "validate", "settle")
PROMETHEUS_OWN = {"up"}


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


COMPOSE = read_yaml(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RULES = [rule for group in read_yaml(DEPLOY / "alerts.yml")["groups"] for rule in group["rules"]]
PANELS = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    user = service["user"].split(":")[0]
    assert user.isdecimal(), "a name may be root in the image"
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] in ("unless-stopped", "on-failure:3")
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service.get("read_only") or name == "kafka"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mount.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_every_service_that_runs_on_has_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" in service} == SERVICES.keys() - {"topics"}
    assert SERVICES["validate"]["deploy"]["replicas"] == 2


def test_docker_waits_longer_than_a_worker_takes_to_stop() -> None:
    for name in ("validate", "settle"):
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > Limits().stop_seconds


def test_our_sessions_are_not_too_short_for_kafka() -> None:
    shortest = int(SERVICES["kafka"]["environment"]["KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS"])
    assert Settings.model_fields["session_timeout_s"].default * 1000 >= shortest


def test_prometheus_looks_where_the_workers_answer() -> None:
    jobs = read_yaml(DEPLOY / "prometheus.yml")["scrape_configs"]
    (files,) = [job["dns_sd_configs"] for job in jobs if job["job_name"] == "settle"]
    assert files
    for job in jobs:
        (found,) = job["dns_sd_configs"]
        (name,) = found["names"]
        _, port = split_address(SERVICES[name]["environment"]["DUALTRACK_HTTP"])
        assert found["port"] == port == PORTS[name]


def test_every_setting_of_the_compose_file_is_one() -> None:
    for name in OURS:
        given = [variable.removeprefix("DUALTRACK_").lower() for variable in SERVICES[name]["environment"]]
        assert set(given) <= Settings.model_fields.keys()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_exists(expression: str) -> None:
    exposed = {name for metric in METRICS for name in metric.exposed} | set(OF_THE_PROCESS) | PROMETHEUS_OWN
    without_labels = re.sub(r"\{[^}]*\}|\b(by|without) \([^)]*\)|\[\w+\]", "", expression)
    functions = set(re.findall(r"\b([a-z_]+)\s*\(", without_labels)) | {"and", "or", "unless"}
    asked = set(re.findall(r"\b[a-z][a-z_]+\b", without_labels)) - functions
    assert asked
    assert asked <= exposed


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_label_that_is_asked_for_exists(expression: str) -> None:
    asked = {label for found in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)[=!]", found)}
    asked |= {label.strip() for found in re.findall(r"by \(([^)]*)\)", expression) for label in found.split(",")}
    named = [metric for metric in METRICS if any(name in expression for name in metric.exposed)]
    assert asked <= {label for metric in named for label in metric.labels} | {"le", "job", "instance"}


def test_every_alert_is_explained_to_who_is_woken_by_it() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    headings = " ".join(re.findall(r"^### (.*)$", page, re.MULTILINE))
    assert RULES
    assert [rule["alert"] for rule in RULES if rule["alert"] not in headings] == []


def test_the_dashboard_is_provisioned_as_it_is_mounted() -> None:
    provider = read_yaml(DEPLOY / "grafana" / "provisioning" / "dashboards" / "dualtrack.yml")["providers"][0]
    (source,) = read_yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARD.name}"
    assert source["url"] == "http://prometheus:9090"
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    assert all(panel["title"] and panel["description"] for panel in PANELS)


def test_no_panel_lies_on_another() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_image_is_built_from_the_lock_with_every_package() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    packages = re.findall(r"packages = \[(.*)\]", (ROOT / "pyproject.toml").read_text("utf-8"))[0]
    assert set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE)) == set(re.findall(r'"(\w+)"', packages))
    assert "--require-hashes -r requirements.lock" in text
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", text, re.MULTILINE)
    assert re.search(r"^USER 1000:1000$", text, re.MULTILINE)
