"""Alerts: understood by Prometheus, proven to ring and to be silent, explained to whoever they wake."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.needs import ROOT, require

PROMETHEUS = ROOT / "monitoring" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTMANAGER = ROOT / "monitoring" / "alertmanager" / "alertmanager.yml"
PARTS = ("Symptom", "First look", "Commands", "Check", "Afterwards")


def _rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def _run(program: str, package: str, *words: str | Path) -> str:
    done = subprocess.run(
        [str(require(program, package)), *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alerts_ring_and_are_silent_where_they_must() -> None:
    """Prometheus itself plays every world of the unit tests."""
    assert "SUCCESS" in _run("promtool", "prometheus", "test", "rules", *TESTS)


def test_a_wrong_threshold_is_found(tmp_path: Path) -> None:
    """The unit tests fail when an alert is changed: here decay, which no longer rings."""
    for path in RULES:
        (tmp_path / path.name).write_text(path.read_text().replace("ratio) < 0 and", "ratio) < -1 and"))
    world = yaml.safe_load((PROMETHEUS / "tests" / "model.yml").read_text())
    world["rule_files"] = [str(tmp_path / path.name) for path in RULES]
    world["tests"] = [test for test in world["tests"] if "Decay" in test["name"]]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(world))
    words = [str(require("promtool", "prometheus")), "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "StorecastDecay" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_both_proofs(alert: str) -> None:
    """One world in which it rings, one in which it must not."""
    cases = [
        case
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]
    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_what_to_do(alert: str) -> None:
    """A severity that Alertmanager knows, two sentences, and a runbook with all its parts."""
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert "increase(" in rule["expr"] or "for" in rule, "one bad moment is no alert"
    page = (ROOT / rule["annotations"]["runbook"]).read_text()
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(PARTS)
    assert alert in page


def test_prometheus_understands_its_configuration(tmp_path: Path) -> None:
    """The configuration of compose with its rules and the key that it finds there."""
    for name in ("prometheus.yml", *(f"rules/{path.name}" for path in RULES)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((PROMETHEUS / name).read_text())
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "metrics").write_text("key")
    assert "rules found" in _run("promtool", "prometheus", "check", "config", tmp_path / "prometheus.yml")


def test_alertmanager_routes_by_severity() -> None:
    """Each severity has its receiver; what has none goes to nobody."""
    _run("amtool", "prometheus-alertmanager", "check-config", ALERTMANAGER)
    for severity, receiver in (
        ("critical", "now"),
        ("warning", "today"),
        ("info", "sometime"),
        ("", "nobody"),
    ):
        told = _run(
            "amtool",
            "prometheus-alertmanager",
            "config",
            "routes",
            "test",
            f"--config.file={ALERTMANAGER}",
            f"severity={severity}",
        )
        assert told.strip() == receiver


def test_no_secret_stands_in_the_configuration() -> None:
    """Addresses and passwords of receivers are named by file."""
    text = ALERTMANAGER.read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert not re.search(r"(password|secret|token|url|key)\s*:", code)


def test_inhibitions_name_alerts_that_exist() -> None:
    """A renamed alert would leave its inhibition without effect."""
    named = set(re.findall(r"Storecast\w+", ALERTMANAGER.read_text()))
    assert named <= set(ALERTS)


def test_the_page_lists_the_alerts_as_they_are() -> None:
    """Severity, wait and runbook of each alert, and no other."""
    page = (ROOT / "docs" / "monitoring.md").read_text()
    listed = re.findall(
        r"^\| (Storecast\w+) \| (\w+) \| (\w+) \| \[[\w-]+\]\((\S+)\) \|$", page, re.MULTILINE
    )
    assert sorted(listed) == sorted(
        (
            name,
            rule["labels"]["severity"],
            rule.get("for", "none"),
            rule["annotations"]["runbook"].removeprefix("docs/"),
        )
        for name, rule in ALERTS.items()
    )
