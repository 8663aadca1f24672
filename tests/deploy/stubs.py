"""Programs that stand for the cloud's ends: they note each call and answer as the real ones would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.tools import kubectl
from tests.needs import ROOT

__all__ = ["Clone", "clone", "with_cluster"]

_NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'
_AWS = (
    _NOTE
    + r"""
case "$1 $2" in
"ecr get-login-password") echo token-of-the-registry ;;
"ecr describe-image-scan-findings") echo "${CRITICAL:-0}" ;;
"ssm get-parameter") cat "$STATE/release" ;;
"ssm put-parameter") while [ "$1" != --value ]; do shift; done; echo "$2" > "$STATE/release" ;;
"ssm send-command") echo "$*" | sed 's/.*Version=\([^ ]*\).*/\1/' > "$STATE/asked"; echo command-1 ;;
"ssm get-command-invocation")
    case "$*" in *StandardErrorContent*) echo "it did not become healthy"; exit 0 ;; esac
    if [ "$(cat "$STATE/asked")" = "${UNHEALTHY:-}" ]; then echo Failed; else echo Success; fi ;;
"s3 cp")
    shift 2; [ "$1" != --only-show-errors ] || shift
    case $1 in
    s3://*) cp "$STATE/bucket/${1##*/releases/}" "$2" ;;
    *) mkdir -p "$(dirname "$STATE/bucket/${2##*/releases/}")"; cp "$1" "$STATE/bucket/${2##*/releases/}" ;;
    esac ;;
"ssm get-parameters-by-path")
    case "$*" in */secrets*) cat "$STATE/secrets.json" ;; *) cat "$STATE/env.json" ;; esac ;;
esac
"""
)
_TERRAFORM = (
    _NOTE
    + r"""
shift
case "$1" in
plan) for word; do case $word in -out=*) echo plan > "${word#-out=}" ;; esac; done; echo "1 to add"; exit 2 ;;
output) case $3 in
    images) echo 123456789012.dkr.ecr.eu-central-1.amazonaws.com/storecast-production ;;
    artifacts_bucket) echo artifacts ;;
    instance_id) echo i-1 ;;
    release_document) echo storecast-production-release ;;
    release_parameter) echo /storecast/production/release ;;
    url) echo "$SYSTEM" ;;
    esac ;;
esac
"""
)
_DOCKER = (
    _NOTE
    + """
case "$1 $2" in "login "*) cat > /dev/null ;; esac
case "$*" in *" up "*) exit "${UP:-0}" ;; esac
"""
)
_PROGRAMS = {"aws": _AWS, "terraform": _TERRAFORM, "docker": _DOCKER}


@dataclass
class Clone:
    """A clone whose programs are stubs; ``state`` is what the cloud behind them holds."""

    folder: Path
    environment: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder.parent / "state"

    def calls(self, program: str) -> list[str]:
        """How ``program`` was called, in order, without its own name."""
        notes = Path(self.environment["NOTES"])
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return [line.partition(" ")[2] for line in lines if line.split(" ")[0] == program]

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` in the clone, both streams in one."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )


def clone(place: Path) -> Clone:
    """A clone in ``place``: real Makefile and scripts, set up, with stubs for everything behind them."""
    folder = place / "clone"
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "deploy" / "scripts", folder / "deploy" / "scripts")
    (folder / "deploy" / "compose").mkdir()
    (folder / "deploy" / "compose" / "nginx.conf").write_text("# nginx\n", encoding="utf-8")
    (folder / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    (folder / "ca.crt").touch()
    (folder / "backend.hcl").write_text('bucket = "state"\n', encoding="utf-8")
    programs = place / "programs"
    programs.mkdir()
    for name, text in _PROGRAMS.items():
        (programs / name).write_text(text, encoding="utf-8")
    for name in ("python", "storecast", "ruff", "mypy", "lint-imports"):
        (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (folder / ".venv" / "bin" / name).write_text(_NOTE, encoding="utf-8")
    for name in ("python",):
        (folder / ".venv-deploy" / "bin").mkdir(parents=True, exist_ok=True)
        (folder / ".venv-deploy" / "bin" / name).write_text(_NOTE, encoding="utf-8")
    for program in (*programs.iterdir(), *folder.glob(".venv*/bin/*")):
        program.chmod(0o755)
    later = time.time() + 5
    for stamp in (".venv/.runtime", ".venv/.dev", ".venv-deploy/.made"):
        (folder / stamp).touch()
        os.utime(folder / stamp, (later, later))
    for venv in (".venv", ".venv-deploy"):
        (folder / venv / ".at").write_text(f"{folder.resolve()}\n", encoding="utf-8")
    state = place / "state"
    state.mkdir()
    (state / "release").write_text("1.0.0\n", encoding="utf-8")
    for command in (["init", "-q"], ["add", "compose.yaml", "deploy"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    dropped = (
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "ARGS",
        "VERSION",
        "ENVIRONMENT",
        "IMAGES",
        "ENGINE",
        "BACKEND",
        "TARGET",
    )
    kept = {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith(("AWS_", "TF_"))}
    return Clone(
        folder,
        kept
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "NOTES": str(place / "notes"),
            "STATE": str(state),
            "PAUSE": "0",
            "SYSTEM": "http://127.0.0.1:9",
            "STORECAST_SMOKE_SECONDS": "1",
        },
    )


def with_cluster(made: Clone) -> Clone:
    """The clone with the manifests and a kubectl that really renders and else stands for the cluster."""
    shutil.copytree(ROOT / "deploy" / "kubernetes", made.folder / "deploy" / "kubernetes")
    program = Path(made.environment["PATH"].split(os.pathsep)[0]) / "kubectl"
    stub = ROOT / "tests" / "deploy" / "cluster_stub.py"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {stub} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    made.environment |= {"KUBECTL": kubectl(), "MIGRATION": "Complete", "UNHEALTHY": "none"}
    return made
