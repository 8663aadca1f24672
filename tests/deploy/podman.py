"""Images that are built and run for real, by podman, where no daemon runs and the network is cut off.

``base_image`` makes a stand-in for ``python:3-slim`` of Debian's packages. A ``Machine`` is a set of
namespaces in which containers run: a network of its own that reaches nothing else, and process numbers of
its own, so that nothing survives it. What podman needs beyond its usual settings stands in ``_set_up``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.needs import ROOT, require

__all__ = ["BASE", "TARGETS", "VERSION", "Machine", "base_image", "build", "inspect", "podman"]

BASE = "localhost/storecast-base:bookworm"
TARGETS = ("service", "webapp", "jobs")
VERSION = "0.0.1.dev1"
_PACKAGES = "python3,python3-venv,ca-certificates"
_HOME = ROOT / "build" / "images"
_NEW_NETWORK = 0x40000000
# The limits of open files that podman asks for may not be raised without a privilege that containers lack.
_RUNTIME = f"""#!{sys.executable} -I
import json, os, sys
for flag, bundle in zip(sys.argv, sys.argv[1:]):
    if flag in ("--bundle", "-b"):
        path = os.path.join(bundle, "config.json")
        with open(path) as file:
            config = json.load(file)
        config["process"].pop("rlimits", None)
        with open(path, "w") as file:
            json.dump(config, file)
os.execvp("crun", ["crun", *sys.argv[1:]])
"""
_CONF = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "plain"
[engine.runtimes]
plain = ["{runtime}"]
"""
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{home}/graph"
runroot = "{home}/run"
"""
# crun refuses a second hierarchy of cgroups beside the first; a new network has its loopback interface down.
_ENTER = """
umount /sys/fs/cgroup/unified 2>/dev/null || true
ip link set lo up
# The book of addresses given away lies here: one of its own, for a machine that was killed returned none.
mkdir -p /run/containers
mount -t tmpfs tmpfs /run/containers
echo ready
exec sleep infinity
"""


def _environment() -> dict[str, str]:
    return os.environ | {
        "CONTAINERS_CONF": str(_HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(_HOME / "storage.conf"),
    }


def _set_up() -> None:
    for program in ("podman", "buildah", "crun", "debootstrap"):
        require(program, program)
    if os.geteuid() != 0:
        pytest.skip("images are built and run by root here")
    _HOME.mkdir(parents=True, exist_ok=True)
    runtime = _HOME / "runtime"
    runtime.write_text(_RUNTIME)
    runtime.chmod(0o755)
    (_HOME / "containers.conf").write_text(_CONF.format(runtime=runtime))
    (_HOME / "storage.conf").write_text(_STORAGE.format(home=_HOME))


def podman(*arguments: str, prefix: tuple[str, ...] = (), check: bool = True) -> str:
    """Standard output of a call; what it wrote on standard error where it fails and ``check`` is set."""
    done = subprocess.run(
        [*prefix, "podman", *arguments],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def base_image() -> str:
    """The stand-in's name; made once and kept as a tarball below build/."""
    _set_up()
    if podman("images", "-q", BASE).strip():
        return BASE
    packed = _HOME / "base.tar"
    if not packed.exists():
        tree = _HOME / "rootfs"
        shutil.rmtree(tree, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(tree)]
        subprocess.run(command, check=True, capture_output=True, timeout=900)
        for cache in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(tree / cache)
            (tree / cache).mkdir()
        partial = packed.with_suffix(".partial")
        with tarfile.open(partial, "w") as tar:
            tar.add(tree, arcname=".")
        partial.rename(packed)
        shutil.rmtree(tree)
    podman("import", "--quiet", str(packed), BASE)
    return BASE


def build() -> dict[str, str]:
    """Target -> name of its image, built by the project's own script."""
    certificates = "/etc/ssl/certs"  # of this machine, which may lie behind a proxy with its own
    flags = f"--isolation chroot --pull=never --network host -v {certificates}:{certificates}:ro"
    given = {"ENGINE": "podman", "BASE_IMAGE": base_image(), "VERSION": VERSION, "IMAGE_FLAGS": flags}
    done = subprocess.run(
        [ROOT / "tools" / "image"],
        env=_environment() | given,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return {target: f"localhost/storecast-{target}:{VERSION}" for target in TARGETS}


def inspect(image: str) -> dict[str, Any]:
    """What an image says of itself."""
    found: dict[str, Any] = json.loads(podman("image", "inspect", image))[0]
    return found


class Machine:
    """Namespaces in which containers run; made by ``Machine.start``."""

    def __init__(self, holder: subprocess.Popen[str]) -> None:
        self._holder = holder
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        self._first = int(children[0])
        self._prefix = ("nsenter", "-t", str(self._first), "-m", "-n", "-p")

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Machine]:
        """A machine; it ends with everything that runs on it."""
        command = [
            "unshare",
            "-m",
            "-n",
            "-p",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-euc",
            _ENTER,
        ]
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n", "namespaces cannot be made here"
            machine = cls(holder)
            machine.clear()
            yield machine
            machine.clear()
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            holder.stdout.close()

    def podman(self, *arguments: str, check: bool = True) -> str:
        """A call on this machine."""
        return podman(*arguments, prefix=self._prefix, check=check)

    def clear(self) -> None:
        """Remove what runs, or was left behind by a machine that was killed."""
        self.podman("rm", "--force", "--all", "--time", "0", check=False)
        self.podman("volume", "rm", "--force", "--all", check=False)
        self.podman("network", "prune", "--force", check=False)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Inside the block this thread, and the threads and processes it starts, are on this machine's
        network; a socket stays where it was made."""
        with _namespace("/proc/thread-self/ns/net") as before:
            with _namespace(f"/proc/{self._first}/ns/net") as there:
                _enter(there)
            try:
                yield
            finally:
                _enter(before)

    def running(self, name: str) -> bool:
        """Whether a container runs."""
        return self.state(name)["Running"] is True

    def state(self, name: str) -> dict[str, Any]:
        """A container's state, as podman has it."""
        found: dict[str, Any] = self.inspect(name)["State"]
        return found

    def inspect(self, name: str) -> dict[str, Any]:
        """What podman knows of a container."""
        found: dict[str, Any] = json.loads(self.podman("container", "inspect", name))[0]
        return found

    def healthy(self, name: str) -> bool:
        """What the container's own health check finds; nothing here repeats it by itself."""
        return self._call("healthcheck", "run", name).returncode == 0

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._prefix, "podman", *arguments],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def await_(self, name: str, answers: Any) -> None:
        """Wait until ``answers()`` is true, while the container runs."""
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                if answers():
                    return
            if not self.running(name) or time.monotonic() > deadline:
                raise AssertionError(self.logs(name))
            time.sleep(0.1)

    def logs(self, name: str) -> str:
        """What a container wrote."""
        return self._call("logs", name).stdout


@contextmanager
def _namespace(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _enter(namespace: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")
