"""MLflow, entered quietly: no network of its own, short waits, and its errors as ours.

MLflow is imported by the first call here, never by importing this module.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from storecast.errors import RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["connect", "file_stamp", "is_file", "is_server", "shown", "sqlite_uri", "translated"]

# Read by MLflow when it is imported or called; what a user has set himself stays.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "GIT_PYTHON_REFRESH": "quiet",
}
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_CLOUD_CLIENTS = ("botocore", "boto3", "s3transfer", "google", "azure")


def sqlite_uri(home: Path) -> str:
    """The tracking URI of the embedded registry under ``home``; raises where a URI cannot say it."""
    path = str(home / "mlflow.db")
    if re.search(r"[#?]|%[0-9A-Fa-f]{2}", path):
        raise RegistryError(
            "the model registry cannot live in a folder of this name",
            where=path,
            expected="a path without #, ? and percent codes: MLflow reads the path as a web address",
            remedy="set STORECAST_HOME to another folder",
        )
    return f"sqlite:///{path}"


def is_server(uri: str) -> bool:
    """Whether ``uri`` is a tracking server, which decides itself where artifacts lie."""
    return uri.startswith(("http://", "https://"))


def is_file(uri: str) -> bool:
    """Whether ``uri`` is a SQLite database on this machine."""
    return uri.startswith("sqlite:")


def file_stamp(uri: str) -> object:
    """What changes with every commit to the database: its files' identity, size and time, and SQLite's own
    counter of changes. None where there is no such file. Opens no connection and takes no lock."""
    path, marks = _sqlite_path(uri), []
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            with open(name, "rb") as file:
                head, status = file.read(100), os.fstat(file.fileno())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RegistryError(
                "the model registry's database cannot be read",
                where=str(name),
                found=error.strerror or str(error),
                remedy="check the volume it lies on, and its permissions",
            ) from error
        marks.append((status.st_ino, status.st_size, status.st_mtime_ns, head[24:28], head[92:96]))
    return tuple(marks) or None


def _sqlite_path(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def shown(uri: str) -> str:
    """``uri``, or a text with addresses in it, without the passwords they may carry."""
    return re.sub(r"://[^/\s]*@", "://***@", uri)


def connect(uri: str, timeout: float) -> MlflowClient:
    """A client of the tracking server or database at ``uri``.

    Raises ``RegistryError`` within about ``timeout`` seconds where nothing answers there: MLflow itself
    would try again for minutes.
    """
    if is_file(uri):
        _check_sqlite(uri)
    else:
        _check_answer(uri, timeout)
    with translated("the model registry could not be opened", uri):
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def translated(what: str, uri: str) -> Iterator[None]:
    """Everything that MLflow, its database or its artifact store raises, as a ``RegistryError``."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        raise _registry_error(what, uri, error) from error
    except Exception as error:
        # the clients of cloud stores have no base class in common with anything
        if type(error).__module__.split(".")[0] in _CLOUD_CLIENTS:
            raise _registry_error(what, uri, error) from error
        raise


def _registry_error(what: str, uri: str, error: Exception) -> RegistryError:
    text = shown(" ".join(str(error).split()))
    if isinstance(error, ImportError):
        remedy = "install the package that is named"
    elif isinstance(error, OSError):
        remedy = "see that the registry is up and reachable, and that the disk is not full"
    else:
        remedy = "see what was found; nothing was registered or moved by a call that failed"
    return RegistryError(what, where=shown(uri), found=f"{type(error).__name__}: {text[:600]}", remedy=remedy)


def _check_sqlite(uri: str) -> None:
    """MLflow tries a damaged or closed database ten times over a minute and a half; ask it once first."""
    path = _sqlite_path(uri)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=20)) as database:
            database.execute("SELECT count(*) FROM sqlite_master")
    except (OSError, sqlite3.Error) as error:
        raise RegistryError(
            "the model registry's database cannot be opened",
            where=str(path),
            expected="a SQLite database, or a folder in which one can be made",
            found=f"{type(error).__name__}: {error}",
            remedy="check permissions and free space; if the file is damaged, put a backup in its place",
        ) from error


def _check_answer(uri: str, timeout: float) -> None:
    try:
        if is_server(uri):
            _ask_server(uri, timeout)
        elif (parts := urlsplit(uri)).hostname:
            port = parts.port or _DATABASE_PORTS.get(parts.scheme.partition("+")[0], 0)
            if port:
                socket.create_connection((parts.hostname, port), timeout).close()
    except (OSError, ValueError) as error:  # ValueError: no valid address at all
        raise RegistryError(
            "the model registry does not answer",
            where=shown(uri),
            expected=f"an MLflow tracking server or its database, within {timeout:g} seconds",
            found=f"{type(error).__name__}: {shown(' '.join(str(error).split()))[:300]}",
            remedy="start it, correct the address, or leave it out to use the registry under STORECAST_HOME",
        ) from error


def _ask_server(uri: str, timeout: float) -> None:
    import requests  # with the proxies and certificates that MLflow's own calls will use

    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        trust: str | bool = False
    else:
        trust = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True
    address = uri.rstrip("/") + "/health"
    try:
        requests.get(address, timeout=timeout, allow_redirects=False, verify=trust).close()
    except requests.exceptions.SSLError as error:
        raise RegistryError(
            "the model registry's certificate is not trusted",
            where=shown(uri),
            expected="a certificate for this address, signed by a trusted authority",
            found=shown(" ".join(str(error).split()))[:300],
            remedy="name the authority's file by MLFLOW_TRACKING_SERVER_CERT_PATH, or correct the address",
        ) from error
