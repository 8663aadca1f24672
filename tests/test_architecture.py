"""The shape of the code: rings, purity, sizes; and that each rule catches its own breach."""

from __future__ import annotations

import ast
import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import ROOT

PACKAGE = ROOT / "src" / "storecast"
MODULES = sorted(PACKAGE.rglob("*.py"))
CONTRACTS = (".importlinter", ".importlinter-loaded")
LONGEST, MEDIAN = 300, 132  # the usual module has about 120 lines
# Those that take or give long frames; every other module of forecasting works on arrays.
FRAMES = ("panel", "quality", "sample", "backtest", "scores", "frames")


def _lint(folder: Path) -> tuple[int, str]:
    """Run import-linter on the ``storecast`` package that lies in ``folder``, with all contracts."""
    command = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    code, output = 0, ""
    for name in CONTRACTS:
        done = subprocess.run(
            [sys.executable, "-c", command, "--no-logo", "--no-cache", "--config", str(ROOT / name)],
            cwd=folder,
            env=os.environ | {"COLUMNS": "200"},  # contract and verdict on one line
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        code, output = max(code, done.returncode), output + done.stdout + done.stderr
    return code, output


def _named(node: ast.AST) -> list[str]:
    """The modules that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _imports(module: Path) -> set[str]:
    """The top names of everything the module imports, at any depth of its code."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {name.partition(".")[0] for node in ast.walk(tree) for name in _named(node)}


def test_the_contracts_hold() -> None:
    """Every import of the package is one that .importlinter allows."""
    code, output = _lint(ROOT / "src")
    assert code == 0, output
    assert output.count(" 0 broken") == len(CONTRACTS)


BREACHES = [
    ("a stray module beside the rings", "utils.py", "", "Rings"),
    ("forecasting importing a store", "forecasting/panel.py", "import storecast.stores", "Rings"),
    ("a store importing a job", "stores/files.py", "import storecast.jobs", "Rings"),
    ("a job importing a store", "jobs/train.py", "import storecast.stores.files", "Rings"),
    ("a store importing the service", "stores/files.py", "import storecast.service", "Rings"),
    ("the service picking its stores", "service/app.py", "import storecast.wiring.serving", "Rings"),
    ("the service reading settings", "service/app.py", "import storecast.settings", "Rings"),
    ("a job reading settings", "jobs/train.py", "import storecast.settings", "Rings"),
    ("settings knowing the ports", "settings.py", "import storecast.ports", "Settings"),
    ("the panel looking downstream", "forecasting/panel.py", "import storecast.forecasting.metrics", "Flow"),
    ("a stray module in forecasting", "forecasting/helpers.py", "", "Flow"),
    ("a job reaching MLflow", "jobs/train.py", "import mlflow", "Purity"),
    ("a port reaching SQL", "ports.py", "def f():\n    import sqlalchemy", "Purity"),
    ("forecasting reading a file", "forecasting/panel.py", "from pathlib import Path", "touches no file"),
    ("forecasting loading pickles", "forecasting/metrics.py", "import pickle", "touches no file"),
    ("the web app reaching the forecasts", "webapp/app.py", "import storecast.forecasting", "web app"),
    ("the web app reaching the service", "webapp/app.py", "import storecast.service", "web app"),
    ("the service reaching pandas", "service/app.py", "import storecast.forecasting.panel", "lean"),
    ("the lean wiring reaching MLflow", "wiring/serving.py", "import storecast.wiring.batch", "lean"),
]
TYPED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
# A whole small package that keeps every rule: what each breach is added to.
SOUND = {
    "cli.py": "import storecast.wiring.batch",
    "settings.py": "import storecast.errors",
    "errors.py": "",
    "formulas.py": "",
    "ports.py": TYPED + "import storecast.forecasting.panel",
    "wiring/serving.py": "import storecast.service.app\nimport storecast.stores.files",
    "wiring/batch.py": "import mlflow\nimport storecast.jobs.train\nimport storecast.stores.files",
    "jobs/train.py": "import storecast.ports",
    "stores/files.py": "import storecast.errors",
    "service/app.py": "import storecast.ports",
    "webapp/app.py": "import storecast.errors",
    "forecasting/panel.py": "import pandas",
    "forecasting/metrics.py": "import storecast.forecasting.panel",
}


def _package(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / "storecast" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        for parent in (folder / "storecast", file.parent):
            (parent / "__init__.py").touch()
        file.write_text(text + "\n", encoding="utf-8")


def test_the_contracts_allow_a_package_that_keeps_them(tmp_path: Path) -> None:
    """The small package, to which the breaches are added, is sound by itself."""
    _package(tmp_path, SOUND)
    code, output = _lint(tmp_path)
    assert code == 0, output


@pytest.mark.parametrize(
    ("file", "line", "contract"), [b[1:] for b in BREACHES], ids=[b[0] for b in BREACHES]
)
def test_each_contract_bites(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One breach of a rule breaks the contract that is there for it."""
    _package(tmp_path, SOUND | {file: SOUND.get(file, "") + "\n" + line})
    code, output = _lint(tmp_path)
    broken = [text for text in output.splitlines() if text.endswith("BROKEN")]
    assert code == 1, output
    assert any(contract in text for text in broken), output


def _ignored() -> list[tuple[str, str]]:
    """(importer, imported) of each import that the lean contract leaves out."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / CONTRACTS[1])
    lines = contracts["importlinter:contract:lean-service"]["ignore_imports"].strip().splitlines()
    return [(importer, imported) for importer, _, imported in map(str.split, lines)]


@pytest.mark.parametrize(("importer", "imported"), _ignored())
def test_what_the_lean_contract_leaves_out_is_imported_by_functions_alone(
    importer: str, imported: str
) -> None:
    """Each exception stands for an import inside a function, and for one that is there."""
    tree = ast.parse((ROOT / "src" / Path(*importer.split("."))).with_suffix(".py").read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    found = [
        id(node) in inside
        for node in ast.walk(tree)
        for name in _named(node)
        if name == imported or name.startswith(f"{imported}.")
    ]
    assert found
    assert all(found)


def test_modules_stay_short() -> None:
    """A module with two subjects is split: none is long, and the usual one is short."""
    lengths = {m.relative_to(PACKAGE): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    assert {name: n for name, n in lengths.items() if n >= LONGEST} == {}
    written = sorted(n for n in lengths.values() if n > 1)
    assert written[len(written) // 2] <= MEDIAN


def test_numbers_are_computed_on_arrays() -> None:
    """In forecasting only the modules that take or give frames import pandas."""
    offenders = [
        module.relative_to(PACKAGE)
        for module in (PACKAGE / "forecasting").rglob("*.py")
        if "pandas" in _imports(module)
        and module.relative_to(PACKAGE / "forecasting").parts[0].removesuffix(".py") not in FRAMES
    ]
    assert offenders == []


def test_nothing_lies_beside_the_package() -> None:
    """One package, and no stray module next to it."""
    there = {p.name for p in (ROOT / "src").iterdir() if p.suffix != ".egg-info" and p.name != "__pycache__"}
    assert there == {"storecast"}
    assert not list(ROOT.glob("*.py"))


def test_every_folder_of_the_package_is_a_package() -> None:
    """A folder without __init__.py would be left out of the wheel and out of the contracts."""
    folders = {module.parent for module in MODULES}
    assert [f.relative_to(PACKAGE) for f in folders if not (f / "__init__.py").exists()] == []


def test_importing_any_module_prints_and_warns_nothing() -> None:
    """An import only defines: no output, no warning, no file in the folder it runs in."""
    names = [
        ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for module in MODULES
        if module.name != "__main__.py"
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(f"import {name}" for name in names)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
