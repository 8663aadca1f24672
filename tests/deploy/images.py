"""The three images, built by the project's own script where no registry of images is reached.

``base_image`` makes a stand-in for ``python:3-slim`` of Debian's packages, once; both are kept below build/.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from tests.deploy.podman import BASE, HOME, environment, podman, set_up
from tests.needs import ROOT

__all__ = ["TARGETS", "VERSION", "base_image", "build", "inspect"]

TARGETS = ("service", "webapp", "jobs")
VERSION = "0.0.1.dev1"
_PACKAGES = "python3,python3-venv,ca-certificates"


def _debootstrap(tree: Path) -> None:
    """Debian's own packages; a mirror that answers with an error once is asked again."""
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(tree)]
    for _ in range(3):
        shutil.rmtree(tree, ignore_errors=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode == 0:
            return
        time.sleep(5)
    raise RuntimeError(f"debootstrap ended with {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")


def base_image() -> str:
    """The stand-in's name; made once and kept as a tarball below build/."""
    set_up()
    if podman("images", "-q", BASE).strip():
        return BASE
    packed = HOME / "base.tar"
    if not packed.exists():
        tree = HOME / "rootfs"
        _debootstrap(tree)
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
        env=environment() | given,
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
