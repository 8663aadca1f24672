"""Containers that are run for real, by podman, where no daemon runs and the network is cut off.

A ``Machine`` is a set of namespaces in which containers run: a network of its own that reaches nothing else,
and process numbers of its own, so that nothing survives it. What podman needs beyond its usual settings
stands in ``set_up``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.needs import ROOT, require

__all__ = ["BASE", "HOME", "Machine", "environment", "podman", "set_up"]

BASE = "localhost/storecast-base:bookworm"
HOME = ROOT / "build" / "images"
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
# Of its own as well: whoever rehearses beside this one clears his networks away, of the same name.
[network]
network_config_dir = "{home}/networks"
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


# What a kernel or a sandbox says that does not do what containers need: nothing here could mend that.
_REFUSED = (
    "Operation not permitted",
    "Permission denied",
    "Function not implemented",
    "not supported",  # an operation, or an overlay over an overlay
    "No such device",
    "Read-only file system",
)


def _unless_refused(what: str, done: subprocess.CompletedProcess[str]) -> None:
    """Skip, with the reason, where the kernel refuses; fail on any other error."""
    if done.returncode == 0:
        return
    told = (done.stderr or done.stdout).strip()[-400:]
    if any(word in told for word in _REFUSED):
        pytest.skip(f"no containers run on this kernel: {what}: {told}")
    pytest.fail(f"{what} ended with {done.returncode}: {told}", pytrace=False)


def environment() -> dict[str, str]:
    """What podman and buildah are started with: storage and settings of their own, below build/."""
    return os.environ | {
        "CONTAINERS_CONF": str(HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
    }


def set_up() -> None:
    """Settings and storage; skips where the kernel refuses what containers need."""
    for program in ("podman", "buildah", "crun", "debootstrap"):
        require(program, program)
    require("ip", "iproute2")
    if os.geteuid() != 0:
        pytest.skip("images are built and run by root here")
    HOME.mkdir(parents=True, exist_ok=True)
    runtime = HOME / "runtime"
    runtime.write_text(_RUNTIME)
    runtime.chmod(0o755)
    (HOME / "containers.conf").write_text(_CONF.format(runtime=runtime, home=HOME))
    (HOME / "storage.conf").write_text(_STORAGE.format(home=HOME))
    made = ["unshare", "-m", "-n", "-p", "--fork", "--mount-proc", "true"]
    _unless_refused("namespaces", subprocess.run(made, capture_output=True, text=True, check=False))
    stored = subprocess.run(
        ["podman", "info"], env=environment(), capture_output=True, text=True, check=False
    )
    _unless_refused("podman's storage", stored)


def podman(*arguments: str, prefix: tuple[str, ...] = (), check: bool = True) -> str:
    """Standard output of a call; what it wrote on standard error where it fails and ``check`` is set."""
    done = subprocess.run(
        [*prefix, "podman", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


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
            tried = machine._call("run", "--rm", "--network=none", "--log-driver=k8s-file", BASE, "true")
            _unless_refused("a container", tried)
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
        self.podman("pod", "rm", "--force", "--all", "--time", "0", check=False)
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

    @contextmanager
    def bridge(self, network: str, gateway: str) -> Iterator[None]:
        """Inside the block this thread is on ``network``, whose address here is ``gateway``."""
        # The bridge comes with the first container; one that sleeps keeps it.
        command = ["run", "--detach", "--name=bridge", f"--network={network}", "--entrypoint", "sleep"]
        self.podman(*command, BASE, "infinity")
        with self.network():
            _keep_hardware_address(gateway)
            yield

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
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def await_(self, name: str, answers: Any) -> None:
        """Wait until ``answers()`` is true, while the container runs."""
        deadline = time.monotonic() + 300
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


def _keep_hardware_address(gateway: str) -> None:
    """A bridge that was given none has the lowest of what is on it: with each container that comes or goes it
    may be another, and whoever knows the one before sends into the void for seconds."""
    (bridge,) = (link["ifname"] for link in _ip("-json", "address", "show", "to", gateway) if link)
    (link,) = _ip("-json", "link", "show", "dev", bridge)
    _ip("link", "set", "dev", bridge, "address", link["address"])


def _ip(*words: str) -> Any:
    told = subprocess.run(["ip", *words], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(told) if told else None


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
