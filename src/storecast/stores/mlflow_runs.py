"""What a training run leaves in MLflow: parameters, metrics, files, and the artifact read back."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from storecast.errors import RegistryError
from storecast.stores.registry_pyfunc import DATA

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

__all__ = [
    "CREATED",
    "DIGEST",
    "create_version",
    "experiment",
    "fetch",
    "log",
    "metrics_of",
    "registered_model",
    "set_alias",
    "versions_of",
    "write_files",
]

T = TypeVar("T")
DIGEST = "storecast.digest"  # tag of a version: the digest of its artifact
CREATED = "storecast.created"  # tag of a version that was put back from a backup: when it was made, ISO time
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_BATCH = 100  # of parameters or metrics in one call, the servers' limit


def experiment(client: MlflowClient, name: str, location: str | None) -> str:
    """The id of the experiment that holds the runs of model ``name``; made where it is not there.

    ``location``: where its artifacts belong, None where the server decides. An experiment remembers
    its folder for good; after ``STORECAST_HOME`` was moved, a second one takes the new runs.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found and location and found.artifact_location != location:
        name = f"{name} {sha256(location.encode()).hexdigest()[:8]}"
        found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=location)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # made by another process just now
                raise
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id


def log(client: MlflowClient, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Log parameters and metrics to a run; refuses an infinite metric, which databases cannot hold."""
    from mlflow.entities import Metric, Param

    if odd := [name for name, value in metrics.items() if math.isinf(value)]:
        raise RegistryError(
            "a metric is infinite",
            where=odd[0],
            expected="a finite number, or NaN for one that could not be measured",
            found=str(metrics[odd[0]]),
            remedy="leave it out",
        )
    values = [Metric(name, float(value), timestamp=0, step=0) for name, value in sorted(metrics.items())]
    settings = [Param(name, str(value)) for name, value in sorted(params.items())]
    for start in range(0, max(len(values), len(settings)), _BATCH):
        part = slice(start, start + _BATCH)
        client.log_batch(run_id, metrics=values[part], params=settings[part])


def create_version(client: MlflowClient, name: str, source: str, run_id: str, tags: Mapping[str, str]) -> str:
    """Make the next version of ``name``, and ``name`` itself where it is new; return its number."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(name, source, run_id, tags=dict(tags), await_creation_for=60)
    return str(made.version)


def versions_of(client: MlflowClient, name: str) -> list[ModelVersion]:
    """All versions of ``name``, in no order; empty where the name is unknown."""
    found: list[ModelVersion] = []
    token: str | None = None
    while token is None or token:
        page = client.search_model_versions(f"name='{name}'", page_token=token)
        found, token = [*found, *page], page.token or ""
    return found


def set_alias(client: MlflowClient, name: str, alias: str, version: str) -> None:
    """Point ``alias`` to ``version``; of processes that do so at once the last one's counts."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(name, alias, version)
    except MlflowException:
        # MLflow looks whether the alias is there and inserts it later; where another process inserted it in
        # between, the same call now finds it and moves it.
        if alias not in client.get_registered_model(name).aliases:
            raise
        client.set_registered_model_alias(name, alias, version)


def metrics_of(client: MlflowClient, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """The metrics of runs by id, few calls for many runs; runs that were removed are absent."""
    from mlflow.entities import ViewType
    from mlflow.exceptions import MlflowException

    wanted, experiments, found = list(dict.fromkeys(run_ids)), set[str](), dict[str, dict[str, float]]()
    while wanted:
        try:
            first = client.get_run(wanted[0])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            wanted = wanted[1:]
            continue
        runs = [first]
        if len(wanted) > 1 and first.info.experiment_id not in experiments:
            # a whole batch of its neighbours by one call; what a call leaves out is asked one by one
            quoted = ", ".join(f"'{run_id}'" for run_id in wanted[:_BATCH])
            query = f"attributes.run_id IN ({quoted})"
            runs += client.search_runs([first.info.experiment_id], query, ViewType.ALL, max_results=_BATCH)
            if len(runs) - 1 < len(wanted[:_BATCH]):
                experiments.add(first.info.experiment_id)
        found |= {run.info.run_id: dict(run.data.metrics) for run in runs}
        wanted = [run_id for run_id in wanted if run_id not in found]
    return found


def fetch(
    source: str, digest: str, uri: str, read: Callable[[str, str], T], fallback: Path | None = None
) -> T:
    """``read(folder, digest)`` of a version's artifact: in place where it is on this disk, else a copy.

    ``fallback``: where a local one lies if ``STORECAST_HOME`` was moved since it was registered.
    """
    local = _local_path(source)
    if local is not None:
        folder = fallback if fallback and fallback.exists() and not local.exists() else local
        return read(str(folder / DATA), digest)
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix="storecast-") as target:
        path = download_artifacts(artifact_uri=f"{source}/{DATA}", dst_path=target, tracking_uri=uri)
        return read(path, digest)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` under ``folder`` for upload; their names may have folders but no way out."""
    folder.mkdir()
    for name, data in files.items():
        if not _FILE.fullmatch(name) or name.split("/")[0] == "model":
            raise RegistryError(
                "a file to keep with the run has no plain name",
                where=repr(name),
                expected="a relative path of letters, digits, dot, dash, underscore; not under model/",
                remedy="rename it",
            )
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _local_path(source: str) -> Path | None:
    parts = urlsplit(source)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(source) if source.startswith("/") else None


def registered_model(client: MlflowClient, name: str) -> RegisteredModel | None:
    """The model with all of its tags and aliases; None where nothing is registered under ``name``."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
