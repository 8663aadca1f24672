"""What each image holds, as CycloneDX: ``python -m tools.deploy.sbom``, after ``make image``.

Read out of the images themselves, which a lock cannot stand for: it names packages for other systems and
Pythons too. The Python packages of the environment and the Debian packages of the base go to
build/sbom/TARGET.json, the same bytes for the same image. ENGINE, IMAGES and VERSION are those of
``make image``.
"""

from __future__ import annotations

import email
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

from tools.deploy.outcome import ROOT

__all__ = ["main"]

TARGETS = ("service", "webapp", "jobs")


def _packages(kind: str, text: str) -> Iterator[Component]:
    """The components of one file: METADATA of a Python package, or the status of all of Debian's."""
    for block in text.strip().split("\n\n") if kind == "deb" else [text]:
        said = email.message_from_string(block)
        name, version = said["Name"] or said["Package"], said["Version"]
        if kind == "deb" and not said["Status"].endswith(" installed"):
            continue
        space = ("debian", {"arch": said["Architecture"]}) if kind == "deb" else (None, None)
        purl = PackageURL(kind, space[0], name, version, space[1])
        yield Component(
            name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string()
        )


def _held(engine: str, image: str) -> list[Component]:
    """Every package in an image's files, which are read as a stream; no container is started."""
    container = subprocess.run(
        [engine, "create", image], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    found: list[Component] = []
    try:
        with subprocess.Popen([engine, "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None
            with tarfile.open(fileobj=export.stdout, mode="r|") as files:
                for file in files:
                    path = file.name.removeprefix("./")
                    python = path.startswith("opt/storecast/") and path.endswith(".dist-info/METADATA")
                    if python or path == "var/lib/dpkg/status":
                        content = files.extractfile(file)
                        assert content is not None, path
                        found += _packages("pypi" if python else "deb", content.read().decode())
    finally:
        subprocess.run([engine, "rm", container], stdout=subprocess.DEVNULL, check=True)
    return found


def _list(engine: str, image: str, version: str) -> str:
    """The image's list as JSON."""
    shown = subprocess.run([engine, "image", "inspect", image], stdout=subprocess.PIPE, check=True).stdout
    facts: dict[str, Any] = json.loads(shown)[0]
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, facts["Id"]))
    bom.metadata.timestamp = datetime.fromisoformat(facts["Created"][:19] + "+00:00")
    root = Component(name=image, version=version, type=ComponentType.CONTAINER, bom_ref=image)
    bom.metadata.component = root
    for component in _held(engine, image):
        bom.components.add(component)
    bom.register_dependency(root, bom.components)
    return str(JsonV1Dot5(bom).output_as_string(indent=2))


def main() -> int:
    """One file for each image; 1 where an image or an engine is missing."""
    engine = os.environ.get("ENGINE") or next((e for e in ("docker", "podman") if shutil.which(e)), "")
    if not engine:
        sys.stderr.write("Nothing here knows the images: start Docker, or install podman.\n")
        return 1
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = os.environ.get("VERSION") or str(settings["project"]["version"])
    folder = ROOT / "build" / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        image = f"{os.environ.get('IMAGES') or 'storecast'}-{target}:{version}"
        try:
            (folder / f"{target}.json").write_text(_list(engine, image, version) + "\n", encoding="utf-8")
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"{image} cannot be read ({error}): make image VERSION={version}\n")
            return 1
        sys.stdout.write(f"build/sbom/{target}.json\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
