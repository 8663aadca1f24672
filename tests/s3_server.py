"""A real S3 on free loopback ports: SeaweedFS, which checks signatures."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.cli.calls import BIN
from tests.mlflow_server import free_port

__all__ = ["KEY", "SECRET", "s3_server"]

KEY, SECRET = "shop", "right-word"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """A server that checks signatures; its address."""
    folder.mkdir()
    ports = {f"-{name}": str(free_port()) for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    ports |= {f"{name}.grpc": str(free_port()) for name in ports}
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    identity = {"name": "shop", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    options = [f"{name}={value}" for name, value in ports.items()]
    options += ["-master.volumeSizeLimitMB=64", "-volume.max=0"]
    program = [str(BIN / "weed"), "server", "-ip=127.0.0.1", f"-dir={folder}", "-s3", "-filer"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*program, f"-s3.config={folder / 's3.json'}", *options],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        url, deadline = f"http://127.0.0.1:{ports['-s3.port']}", time.monotonic() + 90
        while True:
            assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "S3 did not start"
            try:
                if httpx.get(url, trust_env=False).status_code < 500:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)
