"""Real PostgreSQL and Redis servers on free loopback ports, each in a folder of its own.

``postgres`` and ``redis`` are fixtures for a whole session; tests that stop a server make their own by
``postgres_server`` and ``redis_server``. Where a server is not installed the test skips and names its
package.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.certificates import Issued
from tests.mlflow_server import free_port
from tests.needs import require

__all__ = [
    "Postgres",
    "Redis",
    "Server",
    "free_port",
    "postgres",
    "postgres_server",
    "redis",
    "redis_server",
]

_SECONDS = 60


def _send(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """To the process and its children, which PostgreSQL keeps in sessions of their own."""
    process.send_signal(what)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), what)


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    _send(process, signal.SIGCONT)  # one that is paused would not hear the rest
    process.send_signal(how)
    try:
        process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """One process that may be started, stopped and paused; its ``log`` is a file in its folder."""

    def __init__(self, folder: Path, command: list[str], **options) -> None:
        self.folder, self._command, self._options = folder, command, options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._options,
            )
        deadline = time.monotonic() + _SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"{self._command[0]} did not start:\n{text[-3000:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        raise NotImplementedError

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            _end(self._process, how)
            self._process = None

    def kill(self) -> None:
        """As a crash would: no byte is flushed, no connection is said goodbye to."""
        self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Connections stay open, and nothing answers."""
        assert self._process is not None
        _send(self._process, signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            _send(self._process, signal.SIGCONT)


class Postgres(Server):
    """PostgreSQL that trusts everybody on the loopback interface; with ``issued``, by TLS alone."""

    def __init__(
        self, folder: Path, programs: Path, options: dict[str, object], issued: Issued | None = None
    ) -> None:
        self.port = free_port()
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        command += ["-c", "fsync=off"]  # servers are killed in tests, machines are not
        if issued is not None:
            (folder / "hba").write_text("hostssl all all 127.0.0.1/32 trust\n")
            command += ["-c", "ssl=on", "-c", f"hba_file={folder / 'hba'}"]
            for setting, file in zip(("ssl_cert_file", "ssl_key_file"), issued, strict=True):
                shutil.copyfile(file, place := folder / file.name)
                place.chmod(0o600)
                if options:
                    os.chown(place, int(str(options["user"])), int(str(options["group"])))
                command += ["-c", f"{setting}={place}"]
        super().__init__(folder, [*command, "-h", "127.0.0.1", "-p", str(self.port)], **options)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://storecast:secret-word@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """At once, as when the machine goes; ``SIGINT`` lets the server end its sessions."""
        super().stop(how)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"d{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return require(found[-1] if found else "postgres", "postgresql").resolve().parent


@contextmanager
def postgres_server(issued: Issued | None = None) -> Iterator[Postgres]:
    """A new PostgreSQL server; it refuses to run as root, who lends it to the user ``postgres``."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="storecast-postgres-"))  # not below pytest's: root's alone
    options: dict[str, object] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    server = Postgres(folder, programs, options, issued)
    try:
        command = [programs / "initdb", "-D", folder / "data", "--no-sync", "--locale=C", "-E", "UTF8"]
        subprocess.run(
            [*command, "-U", "storecast", "-A", "trust"],
            check=True,
            capture_output=True,
            cwd=folder,
            **options,  # type: ignore[call-overload]
        )
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Redis(Server):
    """Redis that keeps nothing on disk; with ``issued``, by TLS alone, and with ``password`` for one user,
    ``storecast``, alone."""

    def __init__(
        self, folder: Path, issued: Issued | None = None, password: str = "", *, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        scheme, user = "rediss" if issued else "redis", f"storecast:{password}@" if password else ""
        self.url = f"{scheme}://{user}127.0.0.1:{self.port}/0"
        command = [str(require("redis-server", "redis-server")), "--save", "", "--bind", "127.0.0.1"]
        command += ["--port", "0" if issued else str(self.port)]
        if issued is not None:
            command += ["--tls-port", str(self.port), "--tls-auth-clients", "no"]
            for setting, file in zip(("cert", "key"), issued, strict=True):
                command += [f"--tls-{setting}-file", str(file)]
        if password:
            hashed = hashlib.sha256(password.encode()).hexdigest()
            allowed = f"user storecast on #{hashed} ~storecast:* +@all"
            (folder / "users").write_text(f"user default off\n{allowed}\n")
            command += ["--aclfile", str(folder / "users")]
        super().__init__(folder, [*command, "--dir", str(folder)])

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def redis_server(folder: Path, issued: Issued | None = None, password: str = "") -> Iterator[Redis]:
    """A new Redis server with its log in ``folder``."""
    server = Redis(folder, issued, password)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests: each asks it for a ``new_database``."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis server for all tests, which use keys of their own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
