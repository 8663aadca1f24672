"""The figures of the README are those that the benchmarks measured."""

from __future__ import annotations

import json
from typing import Any

from tests.needs import ROOT

WINDOWS = ("S1", "S2", "S3", "XMAS", "D1")
METHODS = {
    "storecast": "**Storecast** (`blend`)",
    "storecast-aligned": "Storecast `aligned`",
    "storecast-boosting": "Storecast `boosting` (trees alone)",
    "seasonal-naive": "same week last year",
    "naive-growth": "last year x recent growth",
    "mstl": "MSTL + ETS (statsforecast)",
    "auto-ces": "AutoCES (statsforecast)",
    "auto-ets": "AutoETS (statsforecast)",
    "lightgbm-recursive": "LightGBM recursive (mlforecast)",
    "lightgbm-direct": "LightGBM direct (mlforecast)",
    "prophet": "Prophet with holidays",
}
SERVERS = {
    "Storecast": "**Storecast**, each answer logged durably before it is sent",
    "`mlflow models serve`": "`mlflow models serve`",
    "BentoML": "BentoML",
    "no-op FastAPI": "a FastAPI route that does nothing",
}


def _measured() -> dict[str, dict[str, Any]]:
    path = ROOT / "benchmarks" / "results" / "accuracy.json"
    results: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results


def _error(results: dict[str, dict[str, Any]], method: str, window: str) -> str:
    """Dollars; of departments the ratio; a dash where it was not measured."""
    found = results[method].get(window)
    if found is None:
        return "–"
    return f"{found['ratio']:.3f}" if window == "D1" else f"{found['wmae']:,.0f}"


def test_the_accuracy_table_is_the_one_that_was_measured() -> None:
    """Every method but the rivals' own naive has its row, every figure is the benchmark's, and the lowest of
    a column, no other, is bold."""
    results = _measured()
    assert set(results) - set(METHODS) == {"sf-seasonal-naive"}
    errors = {w: {m: _error(results, m, w) for m in METHODS} for w in WINDOWS}
    best = {
        w: min((e for e in errors[w].values() if e != "–"), key=lambda e: float(e.replace(",", "")))
        for w in WINDOWS
    }
    expected = []
    for method, name in METHODS.items():
        cells = [f"**{e}**" if (e := errors[w][method]) == best[w] else e for w in WINDOWS]
        bands = results[method]["S1"]["bands"]
        covered = " / ".join(f"{bands[level]['coverage']:.0f}" for level in ("80", "95")) if bands else "–"
        expected.append("| " + " | ".join([name, *cells, covered]) + " |")
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| method | S1"))
    end = lines.index("", start)
    assert "\n".join(lines[start + 2 : end]) == "\n".join(expected)


def test_the_serving_table_is_the_one_that_was_measured() -> None:
    """Each server's rate of one row a request, its CPU, memory and start."""
    path = ROOT / "benchmarks" / "results" / "serving.json"
    parts = {name: part["found"] for name, part in json.loads(path.read_text())["parts"].items()}
    expected = []
    for server, name in SERVERS.items():
        few, many = (parts["rates"]["asked"][f"{server}: row, {n}"] for n in (16, 64))
        start, memory = parts["start"]["asked"][server], parts["rates"]["memory_mb"][server]
        cells = [f"{few['requests_s']:,.0f}", f"{many['requests_s']:,.0f}", f"{few['cpu_ms']:.2f}"]
        cells += [f"{memory:.0f}", f"{start['cpu_s']:.1f}"]
        expected.append("| " + " | ".join([name, *cells]) + " |")
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start_at = next(i for i, line in enumerate(lines) if line.startswith("| one row a request"))
    assert lines[start_at + 2 : lines.index("", start_at)] == expected
