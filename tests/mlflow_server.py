"""A real MLflow tracking server on a free loopback port, and models that need no forecaster."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from storecast.ports import ArtifactContent
from tests.certificates import Issued

__all__ = ["free_port", "small_content", "tracking_server"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def small_content(number: float = 1.0) -> ArtifactContent:
    """A model's content, different for each ``number``."""
    return ArtifactContent(
        arrays={"values": np.arange(6.0).reshape(3, 2) * number, "keys": np.array(["1_1", "2_1"])},
        texts={"boosting": f"tree\nnumber={number}\n"},
        meta={"number": number, "config": {"levels": [80, 95]}},
    )


@contextmanager
def tracking_server(
    folder: Path, database: str = "", artifacts: str = "", issued: Issued | None = None
) -> Iterator[str]:
    """Start a server that keeps everything under ``folder``, or its runs and versions in ``database``, their
    files in ``artifacts``; yields its URL and ends it again. With ``issued`` it answers over TLS alone."""
    port = free_port()
    url = f"{'https' if issued else 'http'}://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", database or f"sqlite:///{folder}/server.db", "--workers", "1"]
    command += ["--artifacts-destination", artifacts or str(folder / "artifacts")]
    if issued is not None:
        command += ["--uvicorn-opts", f"--ssl-certfile {issued.certificate} --ssl-keyfile {issued.key}"]
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **quiet}, cwd=folder, start_new_session=True
        )
    try:
        _await_answer(server, url, folder / "server.log")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its own session: itself and its workers
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _await_answer(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            anybody = ssl._create_unverified_context()
            urllib.request.urlopen(f"{url}/health", timeout=2, context=anybody).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the tracking server did not start:\n{log.read_text()[-3000:]}")
