"""Versions in MLflow's registry: read as ours, and described for whoever looks at them there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from storecast.ports import ModelVersion
from storecast.stores.mlflow_runs import CREATED, DIGEST, write_files

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from mlflow.entities.model_registry import RegisteredModel

__all__ = ["CHALLENGER", "CHAMPION", "as_ours", "champion_of", "describe"]

CHAMPION, CHALLENGER = "champion", "challenger"
_LONGEST = 5000  # characters of a description, as MLflow's databases hold it


def champion_of(model: RegisteredModel | None) -> int | None:
    """The version that carries the alias ``champion``; None for none."""
    version = model.aliases.get(CHAMPION) if model else None
    return None if version is None else int(version)


def as_ours(
    found: MlflowVersion, model: RegisteredModel | None, metrics: Mapping[str, Mapping[str, float]]
) -> ModelVersion:
    """A version with the aliases of its ``model`` and the metrics of its run."""
    aliases = model.aliases.items() if model else ()
    made = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds")
    return ModelVersion(
        name=found.name,
        version=int(found.version),
        digest=found.tags.get(DIGEST, ""),
        created=found.tags.get(CREATED, made),
        aliases=tuple(sorted(alias for alias, version in aliases if int(version) == int(found.version))),
        metrics=metrics.get(found.run_id or "", {}),
        tags={key: value for key, value in found.tags.items() if key not in (DIGEST, CREATED)},
    )


def describe(client: MlflowClient, found: MlflowVersion, text: str, files: Mapping[str, bytes]) -> None:
    """The description of a version, cut where it is too long, and ``files`` beside its run's."""
    if found.run_id and files:
        with tempfile.TemporaryDirectory(prefix="storecast-") as staging:
            folder = Path(staging, "files")
            write_files(folder, files)
            client.log_artifacts(found.run_id, str(folder))
    client.update_model_version(found.name, found.version, text[:_LONGEST])
