"""The models of a tracking server as a backup tells of them: read from the server, and made there again.

MLflow numbers versions itself, one after the other, and never uses a number twice: where a number was passed
over, a version is made and removed again, so that each gets the number by which the log names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storecast.errors import ArtifactError, ConflictError
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.mlflow_runs import (
    CREATED,
    DIGEST,
    create_version,
    experiment,
    fetch,
    log,
    registered_model,
    set_alias,
    versions_of,
)
from storecast.stores.registry_pyfunc import DATA
from storecast.stores.serving_history import MOVE

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["check_room", "fetched", "fill", "names", "point", "pointers", "told"]

_OURS = ("champion", "challenger")
Model = dict[str, Any]


def names(client: MlflowClient) -> list[str]:
    """Of the models that have a version of storecast's, in order."""
    found: list[str] = []
    token: str | None = None
    while token is None or token:
        page = client.search_registered_models(page_token=token)
        found, token = [*found, *(model.name for model in page)], page.token or ""
    return sorted(name for name in found if any(DIGEST in item.tags for item in versions_of(client, name)))


def told(client: MlflowClient, name: str) -> tuple[Model, list[str]]:
    """What there is of the model ``name``: ``{"name", "tags", "aliases", "highest", "versions"}``, and the
    versions that are not storecast's to keep, each with why.

    The aliases are read before the versions: what they name is among them.
    """
    tags, aliases = pointers(client, name)
    versions, others = [], []
    found = sorted(versions_of(client, name), key=lambda item: int(item.version))
    for item in found:
        if not item.tags.get(DIGEST) or not item.run_id:
            others.append(f"version {item.version} of {name} was not registered by storecast")
            continue
        run = client.get_run(item.run_id)
        made = datetime.fromtimestamp(item.creation_timestamp / 1000, UTC).isoformat(timespec="seconds")
        versions.append(
            {
                "version": int(item.version),
                "tags": {CREATED: made} | dict(item.tags),
                "run": {
                    "id": item.run_id,
                    "name": run.info.run_name,
                    "start": run.info.start_time,
                    "end": run.info.end_time,
                    "params": dict(run.data.params),
                    "metrics": dict(run.data.metrics),
                    "tags": {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")},
                },
            }
        )
    highest = int(found[-1].version) if found else 0
    model = {"name": name, "tags": tags, "aliases": aliases, "highest": highest, "versions": versions}
    return model, others


def fetched(client: MlflowClient, version: Model, folder: Path) -> str:
    """Copy all files of a version's run into ``folder``; why they are not the version's, empty where they
    are."""
    run_id, digest = version["run"]["id"], version["tags"][DIGEST]
    if not client.list_artifacts(run_id, f"model/{DATA}"):
        return "its files are gone"
    client.download_artifacts(run_id, "", str(folder))
    try:
        ArtifactFolders().check(str(folder / "model" / DATA), digest)
    except ArtifactError as error:
        return error.what
    return ""


def check_room(client: MlflowClient, model: Model) -> None:
    """Raise ``ConflictError`` where the server has another version under a number of ``model``'s, or has
    used that number up."""
    there = {int(item.version): item for item in versions_of(client, model["name"])}
    for version in model["versions"]:
        number, digest = version["version"], version["tags"][DIGEST]
        if number in there and there[number].tags.get(DIGEST) == digest:
            continue
        if number in there or number < max(there, default=0):
            found = there[number].tags.get(DIGEST, "none") if number in there else "removed"
            raise _another(model["name"], number, digest, found)


def fill(client: MlflowClient, uri: str, model: Model, folder: Path, location: str | None) -> None:
    """Make the versions of ``model`` that are not on the server, and put back files that are missing there.

    ``folder``: with the files of version n in its folder ``n``; ``location``: see ``experiment``. What is
    whole stays as it is, so that a second call goes on where a first was broken off.
    """
    name = model["name"]
    there = {int(item.version): item for item in versions_of(client, name)}
    last = None
    for version in model["versions"]:
        number, files = version["version"], folder / str(version["version"])
        if number in there:
            _mend(client, uri, there[number], files)
            continue
        last = source, run_id = _run(client, uri, name, version, files, location)
        made = _passed_over(client, name, source, run_id, version["tags"], number)
        if made != number:
            client.delete_model_version(name, str(made))
            raise _another(name, number, version["tags"][DIGEST], "removed")
    if last and max([*there, *(version["version"] for version in model["versions"])]) < model["highest"]:
        made = _passed_over(client, name, *last, {}, model["highest"])
        client.delete_model_version(name, str(made))


def pointers(client: MlflowClient, name: str) -> tuple[dict[str, str], dict[str, int]]:
    """Tags and aliases of the model ``name``; empty where it is not there."""
    model = registered_model(client, name)
    if model is None:
        return {}, {}
    return dict(model.tags), {alias: int(version) for alias, version in model.aliases.items()}


def point(client: MlflowClient, name: str, tags: Mapping[str, str], aliases: Mapping[str, int]) -> None:
    """Let the model have these tags and aliases; of what it has besides, moves and our aliases go.

    An alias of a version that is not there is left out.
    """
    has_tags, has_aliases = pointers(client, name)
    for key in has_tags.keys() - tags.keys():
        if key.startswith(MOVE):
            client.delete_registered_model_tag(name, key)
    for key, value in tags.items():
        if has_tags.get(key) != value:
            client.set_registered_model_tag(name, key, value)
    there = {int(item.version) for item in versions_of(client, name)}
    kept = {alias: version for alias, version in aliases.items() if version in there}
    for alias, version in kept.items():
        if has_aliases.get(alias) != version:
            set_alias(client, name, alias, str(version))
    for alias in has_aliases.keys() - kept.keys():
        if alias in _OURS:
            client.delete_registered_model_alias(name, alias)


def _mend(client: MlflowClient, uri: str, there: Any, files: Path) -> None:
    check: Callable[[str, str], None] = ArtifactFolders().check
    if client.list_artifacts(there.run_id, f"model/{DATA}"):
        try:
            fetch(there.source, there.tags[DIGEST], uri, check)
            return
        except ArtifactError:  # what is damaged is written over by what is whole
            pass
    client.log_artifacts(there.run_id, str(files))
    fetch(there.source, there.tags[DIGEST], uri, check)


def _run(
    client: MlflowClient, uri: str, name: str, version: Model, files: Path, location: str | None
) -> tuple[str, str]:
    """A run like the version's: the source of its artifact, and the run's id."""
    run, status = version["run"], "FAILED"
    made = client.create_run(
        experiment(client, name, location), start_time=run["start"], tags=run["tags"], run_name=run["name"]
    ).info
    try:
        log(client, made.run_id, run["params"], run["metrics"])
        client.log_artifacts(made.run_id, str(files))
        source = f"{made.artifact_uri}/model"
        fetch(source, version["tags"][DIGEST], uri, ArtifactFolders().check)  # read back whole
        status = "FINISHED"
    finally:
        client.set_terminated(made.run_id, status, run["end"])
    return source, made.run_id


def _passed_over(
    client: MlflowClient, name: str, source: str, run_id: str, tags: Mapping[str, str], number: int
) -> int:
    """Make versions until one has ``number`` or a later one; those before it are removed again."""
    while True:
        made = int(create_version(client, name, source, run_id, tags))
        if made >= number:
            return made
        client.delete_model_version(name, str(made))


def _another(name: str, number: int, digest: str, found: str) -> ConflictError:
    return ConflictError(
        f"the tracking server has another version {number} of {name}",
        expected=f"no version {number}, or the one with digest {digest}",
        found="a version that was removed" if found == "removed" else f"digest {found}",
        remedy="restore into an empty tracking server, or rename the model that is there in MLflow",
    )
