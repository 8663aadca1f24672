"""Dashboards and the rules for Kubernetes: what the code makes, of metrics that exist."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.needs import ROOT
from tools.dashboards import made
from tools.panels import DASHBOARDS

MADE = made()
RULES = ROOT / "monitoring" / "prometheus" / "rules"
PROVISIONING = ROOT / "monitoring" / "grafana" / "provisioning"


@pytest.mark.parametrize("name", MADE)
def test_what_is_committed_is_what_the_code_makes(name: str) -> None:
    """`make dashboards` changes nothing."""
    assert (ROOT / name).read_text(encoding="utf-8") == MADE[name]


def test_kubernetes_has_every_rule() -> None:
    """The groups of all files, each once."""
    there = yaml.safe_load((ROOT / "deploy/kubernetes/base/monitoring/prometheusrule.yaml").read_text())
    groups = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
    by_name = sorted(there["spec"]["groups"], key=lambda group: group["name"])
    assert by_name == sorted(groups, key=lambda group: group["name"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_ask_the_source_that_is_provisioned(name: str) -> None:
    """Each panel with a title, a question that has a query, and the one data source."""
    source = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    board = json.loads(MADE[f"monitoring/grafana/dashboards/{name}.json"])
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert panels
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}
        assert panel["title"]
        assert panel["description"]
        assert all(target["expr"] for target in panel["targets"])


def test_the_infrastructure_is_seen_whole() -> None:
    """Processor, memory, disk and network, of the host or its containers."""
    board = json.loads(MADE["monitoring/grafana/dashboards/infrastructure.json"])
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel.get("targets", []))
    for name in (
        "cpu_seconds",
        "memory_MemAvailable",
        "filesystem_avail",
        "network_receive",
        "network_transmit",
    ):
        assert f"_{name}" in asked


def test_panels_do_not_lie_upon_each_other() -> None:
    """Grafana draws each on its own place of the grid."""
    for name in DASHBOARDS:
        board = json.loads(MADE[f"monitoring/grafana/dashboards/{name}.json"])
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            places = {
                (at["x"] + x if "x" in at else x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])
            }
            assert not taken & places, (name, panel["title"])
            taken |= places


def test_metrics_are_those_that_the_code_has() -> None:
    """A renamed metric would leave panels and alerts silent."""
    code = "\n".join(path.read_text() for path in (ROOT / "src" / "storecast" / "service").rglob("*.py"))
    rules = "\n".join(path.read_text() for path in RULES.glob("*.yml"))
    asked = rules + str(DASHBOARDS)
    names = set(re.findall(r"(?<![:\w])storecast_(\w+)", asked))
    stems = {re.sub(r"_(total|bucket)$", "", name) for name in names}
    assert len(stems) > 25
    assert [name for name in sorted(stems) if f'{name}"' not in code] == []
    recorded = set(re.findall(r"storecast:[\w:]+", asked))
    assert recorded == set(re.findall(r"record: (\S+)", rules))


def test_cloudwatch_alarms_watch_what_the_agent_collects() -> None:
    """The agent's file is JSON; alarms and panels of Terraform's name figures that it collects."""
    agent = json.loads((ROOT / "monitoring/cloudwatch/agent.json").read_text())
    assert agent["metrics"]["namespace"] == "NAMESPACE"
    collected = {
        f"{part}_{measured}"
        for part, settings in agent["metrics"]["metrics_collected"].items()
        for measured in settings["measurement"]
    }
    for entry in agent["logs"]["logs_collected"]["files"]["collect_list"]:
        assert entry["log_group_name"].startswith("LOGS/")
    code = (ROOT / "deploy/terraform/modules/monitoring/main.tf").read_text()
    used = set(re.findall(r"local\.namespace,\s*(?:metric = )?\"(\w+)\"", code))
    assert {"mem_used_percent", "disk_used_percent"} <= used <= collected


def test_cloudwatch_reads_files_that_are_written() -> None:
    """By cloud-init, by Docker, each container's own, and by every unit of the host that says something."""
    agent = json.loads((ROOT / "monitoring/cloudwatch/agent.json").read_text())
    read = {one["file_path"]: one for one in agent["logs"]["logs_collected"]["files"]["collect_list"]}
    files = ROOT / "deploy/terraform/modules/host/files"
    units = [re.search(r"^StandardOutput=append:(.+)$", p.read_text(), re.M) for p in files.glob("*.service")]
    assert len(units) == 2
    written = {unit[1] for unit in units if unit is not None}
    assert None not in units
    (docker,) = re.findall(r'"data-root": "(.+)"', (files / "user_data.sh.tftpl").read_text())
    containers = f"{docker}/containers/*/*-json.log"
    assert set(read) == written | {"/var/log/cloud-init-output.log", containers}
    # of a pattern that fits several the agent follows the newest alone, unless it is told
    assert [path for path in read if "*" in path and not read[path].get("publish_multi_logs")] == []
