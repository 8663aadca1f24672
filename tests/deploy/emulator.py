"""An emulator of AWS on a loopback port, and Terraform run against it as a person would run it.

The emulator checks no permission, starts no machine and ignores the conditions of buckets' policies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.deploy.tools import deploy_environment, terraform
from tests.mlflow_server import free_port
from tests.needs import ROOT
from tools.deploy.terraform import NO_PROVIDER, copied, plugins

__all__ = ["CREDENTIALS", "Terraform", "emulator", "tree"]

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}
_SECONDS = 60


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """The address of an emulator that has nothing in it yet."""
    program, port = deploy_environment() / "moto_server", free_port()
    address = f"http://127.0.0.1:{port}"
    with open(folder / "emulator.log", "wb") as log:
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                httpx.get(f"{address}/moto-api/", timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, (folder / "emulator.log").read_text()
                assert time.monotonic() < deadline, "the emulator did not start"
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(_SECONDS)


class Terraform:
    """Terraform in one root of a copied tree; its ``plan`` ends with 0 for no change and 2 for some."""

    def __init__(self, tree: Path, root: str, address: str, *variables: str) -> None:
        self.folder, self._variables = tree / "deploy" / "terraform" / root, variables
        self._program = terraform()
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))} | {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": address,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "3",
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }

    def __call__(self, *arguments: str, variables: bool = False) -> subprocess.CompletedProcess[str]:
        """Run it; with the root's variables where the command takes them."""
        return subprocess.run(
            [self._program, *arguments, *(self._variables if variables else ())],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def init(self, *backend: str) -> None:
        """Providers from the mirror, if there is one; a test cannot go on without them."""
        done = self("init", "-input=false", "-no-color", *plugins(), *backend)
        if done.returncode and not plugins() and "registry" in done.stderr:
            pytest.skip(NO_PROVIDER)
        assert done.returncode == 0, done.stderr

    def apply(self) -> None:
        """Apply without a question."""
        done = self("apply", "-auto-approve", "-input=false", "-no-color", variables=True)
        assert done.returncode == 0, done.stderr

    def plan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What would change."""
        arguments = ("-detailed-exitcode", "-input=false", "-no-color", *arguments)
        return self("plan", *arguments, variables=True)

    def output(self, name: str) -> str:
        """One output."""
        done = self("output", "-raw", name)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def destroy(self) -> None:
        """Take everything down."""
        done = self("destroy", "-auto-approve", "-input=false", "-no-color", variables=True)
        assert done.returncode == 0, done.stderr


def tree(folder: Path) -> Path:
    """A copy of what Terraform reads."""
    shutil.rmtree(folder, ignore_errors=True)
    return copied(ROOT, folder)
