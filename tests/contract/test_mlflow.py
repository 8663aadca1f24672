"""What MLflow itself sees of a registered version: runs, files, pyfunc models; and what tampering does."""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from storecast.errors import ArtifactError, RegistryError, RequestError
from storecast.ports import ModelVersion
from storecast.stores.registry import MlflowRegistry
from tests.mlflow_server import small_content

FILES = {"report.html": b"<html>", "pictures/store-1.png": b"\x89PNG"}


@pytest.fixture
def name() -> str:
    return f"sales-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def client(mlflow_registry: MlflowRegistry, monkeypatch) -> mlflow.MlflowClient:
    """MLflow as a user has it, pointed to the registry."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_registry.uri)
    return mlflow.MlflowClient()


def register(registry: MlflowRegistry, name: str, number: float = 1.0, **changes) -> ModelVersion:
    given = {"params": {"model": "blend"}, "metrics": {"wmae": 1.5}, "tags": {"data": "abc"}, "files": FILES}
    return registry.register(name, small_content(number), **{**given, **changes})


def test_a_run_keeps_parameters_metrics_and_pictures(mlflow_registry, client, name) -> None:
    """The run behind a version holds its parameters, metrics, tags, report and pictures, and is finished."""
    register(mlflow_registry, name)
    run = client.get_run(client.get_model_version(name, "1").run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"model": "blend"}
    assert run.data.metrics == {"wmae": 1.5}
    assert run.data.tags["data"] == "abc"
    assert client.get_experiment(run.info.experiment_id).name == name
    found = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert found == {"model", "pictures", "report.html"}
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="pictures/store-1.png")
    assert Path(path).read_bytes() == b"\x89PNG"


def test_a_description_and_cards_stand_beside_the_run(mlflow_registry, client, name) -> None:
    """Whoever looks at a version in MLflow reads what it is; given again, the later words count, cut where
    its database takes no more; the model's own files stay."""
    register(mlflow_registry, name)
    for words in ("first", "**second** " + "x" * 6000):
        mlflow_registry.describe(name, 1, words, {"model-card.md": words.encode()})
    found = client.get_model_version(name, "1")
    assert (found.description[:10], len(found.description)) == ("**second**", 5000)
    path = mlflow.artifacts.download_artifacts(run_id=found.run_id, artifact_path="model-card.md")
    assert Path(path).read_text().startswith("**second** x")
    files = {item.path for item in client.list_artifacts(found.run_id)}
    assert files == {"model", "pictures", "report.html", "model-card.md"}
    assert mlflow_registry.load(name, 1).meta == small_content(1.0).meta
    with pytest.raises(RegistryError, match="no version 2"):
        mlflow_registry.describe(name, 2, "x", {})
    with pytest.raises(RegistryError, match="no plain name"):
        mlflow_registry.describe(name, 1, "x", {"../model-card.md": b""})


def test_hundreds_of_parameters_and_metrics_fit(mlflow_registry, client, name) -> None:
    """More parameters and metrics than one call may carry are all kept."""
    register(
        mlflow_registry,
        name,
        params={f"p{i}": i for i in range(230)},
        metrics={f"m{i}": float(i) for i in range(110)},
    )
    run = client.get_run(client.get_model_version(name, "1").run_id)
    assert run.data.params == {f"p{i}": str(i) for i in range(230)}
    assert mlflow_registry.versions(name)[0].metrics == {f"m{i}": float(i) for i in range(110)}


def test_no_file_of_a_version_can_run_code(mlflow_registry, client, name, tmp_path) -> None:
    """A stored model is YAML, JSON, text and arrays without objects; its loader is storecast's own."""
    register(mlflow_registry, name)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path=str(tmp_path)))
    stored = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    stored.discard("registered_model_meta")  # written by MLflow's download
    assert stored == {
        "MLmodel",
        "python_env.yaml",
        "requirements.txt",
        "data/manifest.json",
        "data/values.npy",
        "data/keys.npy",
        "data/boosting.txt",
    }
    for path in folder.rglob("*.npy"):
        assert not np.load(path, allow_pickle=False).dtype.hasobject
    described = Model.load(str(folder)).flavors
    assert list(described) == ["python_function"]
    assert set(described["python_function"]) == {"data", "env", "loader_module", "python_version"}


@pytest.mark.parametrize("levels", [None, [80, 97.5]], ids=repr)
def test_mlflow_loads_the_champion_and_predicts(mlflow_registry, client, name, levels) -> None:
    """``mlflow.pyfunc.load_model("models:/name@champion")`` predicts by date and by weeks ahead."""
    register(mlflow_registry, name, 1)
    register(mlflow_registry, name, 7)
    mlflow_registry.promote(name, 2, who="Ann", why="better")
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    params = None if levels is None else {"level": levels}
    weeks = pd.DataFrame({"unique_id": ["1_1", "2_1"], "horizon": [1, 3]})
    dates = pd.DataFrame({"unique_id": ["1_1", "2_1"], "ds": pd.to_datetime(["2026-01-09", "2026-01-23"])})
    for rows in (weeks, dates):
        forecast = model.predict(rows, params=params)
        assert forecast["storecast"].tolist() == [701.0, 703.0]
        assert forecast["ds"].tolist() == dates["ds"].tolist()
        shown = [int(x) if x == int(x) else x for x in levels or [80, 95]]
        bands = [f"storecast-{side}-{level}" for level in shown for side in ("lo", "hi")]
        assert list(forecast.columns) == ["unique_id", "ds", "storecast", *bands]
        assert forecast[bands[0]].tolist() == [701 - shown[0], 703 - shown[0]]


def test_rows_without_a_week_are_refused(mlflow_registry, client, name) -> None:
    """Rows that name no week, or name it twice, are refused with the columns that are meant."""
    register(mlflow_registry, name)
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    for more in ({}, {"ds": pd.to_datetime(["2026-01-09"]), "horizon": [1]}):
        with pytest.raises(RequestError, match="which week is meant"):
            model.predict(pd.DataFrame({"unique_id": ["1_1"], **more}))
    with pytest.raises(MlflowException):
        model.predict(pd.DataFrame({"store": ["1_1"], "horizon": [1]}))


def overwrite(client: mlflow.MlflowClient, name: str, file: str, data: bytes, folder: Path) -> None:
    """What somebody does who may write to the artifact store."""
    run_id = client.get_model_version(name, "1").run_id
    (folder / file).write_bytes(data)
    client.log_artifact(run_id, str(folder / file), "model/data")


def test_a_tampered_array_is_refused(mlflow_registry, client, name, tmp_path) -> None:
    """An array exchanged in the artifact store is refused at load, and cannot be promoted."""
    register(mlflow_registry, name)
    out = io.BytesIO()
    np.save(out, np.arange(6.0).reshape(3, 2) * 100)
    overwrite(client, name, "values.npy", out.getvalue(), tmp_path)
    for call in (
        lambda: mlflow_registry.load(name, 1),
        lambda: mlflow_registry.promote(name, 1, who="Ann", why="?"),
    ):
        with pytest.raises(ArtifactError, match="was altered") as caught:
            call()
        assert "values.npy" in caught.value.where
    assert mlflow_registry.champion(name) is None
    assert mlflow_registry.history(name) == []


def test_a_forged_folder_is_refused_by_its_digest(mlflow_registry, client, name, tmp_path) -> None:
    """A folder exchanged as a whole, sound in itself, is refused: its digest is not the recorded one."""
    register(mlflow_registry, name, 1)
    forged = f"{name}-other"
    register(mlflow_registry, forged, 2)
    source = client.get_model_version(forged, "1").source + "/data"
    for path in Path(mlflow.artifacts.download_artifacts(source, dst_path=str(tmp_path / "f"))).iterdir():
        overwrite(client, name, path.name, path.read_bytes(), tmp_path)
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        mlflow_registry.load(name, 1)


def test_a_file_slipped_in_is_refused(mlflow_registry, client, name, tmp_path) -> None:
    """A file added beside the artifact's own is refused at load."""
    register(mlflow_registry, name)
    overwrite(client, name, "sitecustomize.py", b"print('hello')", tmp_path)
    with pytest.raises(ArtifactError, match="does not list"):
        mlflow_registry.load(name, 1)


def test_rollback_to_a_damaged_version_is_refused(mlflow_registry, client, name, tmp_path) -> None:
    """A rollback does not put a damaged version into service; the champion stays."""
    for number in (1, 2):
        register(mlflow_registry, name, number)
        mlflow_registry.promote(name, number, who="Ann", why="better")
    overwrite(client, name, "boosting.txt", b"tree\nnumber=9.9\n", tmp_path)
    with pytest.raises(ArtifactError, match=r"altered|another size"):
        mlflow_registry.rollback(name, who="Bob", why="bad week")
    found = mlflow_registry.champion(name)
    assert found is not None
    assert found.version == 2


def test_an_alias_moved_in_mlflow_can_be_rolled_back(mlflow_registry, client, name) -> None:
    """Where somebody moved the champion in MLflow, rollback goes to the version that served before."""
    for number in (1, 2, 3):
        register(mlflow_registry, name, number)
    mlflow_registry.promote(name, 1, who="Ann", why="first")
    client.set_registered_model_alias(name, "champion", "3")
    assert mlflow_registry.rollback(name, who="Bob", why="was a mistake").version == 1
    client.set_registered_model_alias(name, "champion", "3")
    mlflow_registry.promote(name, 2, who="Ann", why="better")
    assert [(m.kind, m.previous, m.version) for m in mlflow_registry.history(name)] == [
        ("promote", None, 1),
        ("rollback", 3, 1),
        ("promote", 3, 2),
    ]
    assert mlflow_registry.rollback(name, who="Bob", why="bad").version == 3
    assert mlflow_registry.rollback(name, who="Bob", why="bad").version == 1


def test_rollback_to_a_deleted_version_says_so(mlflow_registry, client, name) -> None:
    """Where the version to go back to was deleted, the message names it and the champion stays."""
    for number in (1, 2):
        register(mlflow_registry, name, number)
        mlflow_registry.promote(name, number, who="Ann", why="better")
    client.delete_model_version(name, "1")
    with pytest.raises(RegistryError, match="no version 1") as caught:
        mlflow_registry.rollback(name, who="Bob", why="bad week")
    assert "one of 2" in caught.value.expected


def test_versions_of_others_are_shown_but_not_used(mlflow_registry, client, name) -> None:
    """A version registered by hand, without a digest, is listed but neither loaded nor promoted."""
    register(mlflow_registry, name)
    first = client.get_model_version(name, "1")
    client.create_model_version(name, first.source, first.run_id)
    assert [item.digest != "" for item in mlflow_registry.versions(name)] == [False, True]
    with pytest.raises(RegistryError, match="not registered by storecast"):
        mlflow_registry.promote(name, 2, who="Ann", why="?")


def test_tags_edited_by_others_do_not_break_the_history(mlflow_registry, client, name) -> None:
    """A tag that looks like a move but is none is left out."""
    register(mlflow_registry, name)
    mlflow_registry.promote(name, 1, who="Ann", why="first")
    odd = ["", "[]", "null", '{"kind": 1}', json.dumps({"kind": "promote", "version": "1"})]
    for number, text in enumerate(odd):
        client.set_registered_model_tag(name, f"storecast.move.{number:06d}.ffffffff", text)
    assert [move.version for move in mlflow_registry.history(name)] == [1]


def test_metrics_survive_the_removal_of_a_run(mlflow_registry, client, name) -> None:
    """A version whose run was deleted in MLflow is still listed with its metrics."""
    register(mlflow_registry, name)
    client.delete_run(client.get_model_version(name, "1").run_id)
    assert mlflow_registry.versions(name)[0].metrics == {"wmae": 1.5}


def test_two_promotions_at_one_time(mlflow_registry, client, name) -> None:
    """A promotion that finds the champion moved under its hands is refused and says where it is."""
    for number in (1, 2):
        register(mlflow_registry, name, number)
    first = MlflowRegistry(Path(), uri=mlflow_registry.uri, clock=mlflow_registry._clock)

    def clock():
        first.promote(name, 1, who="Cid", why="in between")
        return mlflow_registry._clock()

    second = MlflowRegistry(Path(), uri=mlflow_registry.uri, clock=clock)
    with pytest.raises(RegistryError, match="somebody else moved") as caught:
        second.promote(name, 2, who="Ann", why="better")
    assert "version 1 is champion" in caught.value.found
    assert [(m.who, m.version) for m in first.history(name)] == [("Cid", 1)]
