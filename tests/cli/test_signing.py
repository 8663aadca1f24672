"""``storecast signing``: signed out of the box, trust moved between machines, revoked and rotated."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from storecast.errors import UntrustedError
from storecast.service.problems import Problem
from storecast.service.watcher import Holder
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.signatures import SIGNATURE
from storecast.wiring import places, signing
from storecast.wiring.serving import _now
from tests.cli.calls import call
from tests.cli.conftest import Served


@pytest.fixture
def own(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home with a champion."""
    home = tmp_path / "home"
    shutil.copytree(served.home, home)
    monkeypatch.setenv("STORECAST_HOME", str(home))
    return home


def _versions(home: Path) -> list[Path]:
    """Every copy of every version that lies in a home."""
    return [path.parent for path in home.rglob("manifest.json")]


def test_what_is_trained_is_signed_out_of_the_box(served: Served) -> None:
    """The first training makes a key, trusts it at home, and signs; from then on a signature is required."""
    found = call("signing", "list", "--json").json()
    assert [key["id"] for key in found["keys"]] == [found["signs"]]
    assert found["required"] is True
    assert len(_versions(served.home)) > 1
    assert all((folder / SIGNATURE).exists() for folder in _versions(served.home))
    key = served.home / "signing" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = key.read_text().splitlines()[1]
    shown = call("signing", "list")
    assert found["signs"] in shown.out
    assert "is required" in shown.out
    assert secret not in shown.out + shown.err + json.dumps(found)
    assert not [
        p for p in served.home.rglob("*") if p.is_file() and p != key and secret.encode() in p.read_bytes()
    ]


def test_trust_moves_between_machines(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a trust list of its own takes versions of keys in it, and of no other."""
    public = call("signing", "list", "--json").json()["keys"][0]["public"]
    monkeypatch.setenv("STORECAST_TRUST_FILE", str(tmp_path / "server" / "trusted.json"))
    monkeypatch.setenv("STORECAST_REQUIRE_SIGNATURE", "true")
    refused = call("models", "promote", 1, "--why", "x", "--anyway")
    assert (refused.code, "not trusted" in refused.err) == (1, True)
    holder = _holder()
    holder.look()
    assert "signed by somebody who is not trusted" in holder.refused
    assert call("signing", "trust", public, "--as", "training").code == 0
    holder.look()
    assert holder.refused == ""
    assert holder.serving().info.version >= 1
    listed = call("signing", "list", "--json").json()
    assert [key["name"] for key in listed["keys"]] == ["training"]


def _holder() -> Holder:
    settings = Settings()
    folder = places.release_folder(settings, settings.name, _now)
    return Holder(folder, heard=lambda event, info, reason: None)


def test_a_running_service_stops_serving_what_is_revoked(own: Path) -> None:
    """At once; without an earlier version that is trusted it answers nothing, rather than that."""
    holder = _holder()
    holder.look()
    version, digest = holder.serving().info.version, holder.serving().info.digest
    done = call("signing", "revoke", version, "--why", "wrong file", "--json").json()
    assert done == {"kind": "version", "revoked": digest}
    holder.look()
    assert "revoked" in holder.refused
    with pytest.raises(Problem):
        holder.serving()
    assert digest[:12] in call("signing", "list").out
    refused = call("models", "promote", version, "--why", "again")
    assert (refused.code, "revoked" in refused.err) == (1, True)


def test_a_new_key_takes_over(own: Path, served: Served) -> None:
    """What the old key signed stays trusted until it is revoked, and then nothing of it is loaded."""
    before = call("signing", "list", "--json").json()["signs"]
    done = call("signing", "rotate", "--json").json()
    assert (done["old"], done["key"] != before) == (before, True)
    assert stat.S_IMODE((own / "signing" / "key.pem").stat().st_mode) == 0o600
    holder = _holder()
    holder.look()
    assert holder.refused == ""
    assert call("signing", "revoke", before, "--why", "retired").code == 0
    holder.look()
    assert "key that was revoked" in holder.refused
    assert call("signing", "revoke", before[::-1], "--why", "x").code == 1
    assert call("signing", "trust", _public(before), "--as", "again").code == 1
    trained = call("train", served.data, "--model", "naive-growth", "--horizon", 13, "--json")
    assert trained.code == 0, trained.err
    version = trained.json()["version"]
    assert call("models", "promote", version, "--why", "signed anew", "--overrule").code == 0
    holder.look()
    assert holder.refused == ""


def _public(key: str) -> str:
    found = call("signing", "list", "--json").json()["keys"]
    return str(next(item["public"] for item in found if item["id"] == key))


def test_versions_made_before_there_was_a_key_stay_trusted(own: Path) -> None:
    """A home without keys gets one: what lies there unsigned is accepted by its bytes, nothing else is."""
    shutil.rmtree(own / "signing")
    for folder in _versions(own):
        (folder / SIGNATURE).unlink()
    assert call("signing", "list", "--json").json()["required"] is False
    made = call("signing", "init", "--json").json()
    found = call("signing", "list", "--json").json()
    assert (found["required"], found["signs"]) == (True, made["key"])
    assert "Accepted" in call("signing", "list").out
    holder = _holder()
    holder.look()
    assert holder.refused == ""
    assert call("signing", "init").code == 1
    changed = ArtifactFolders().load(str(_versions(own)[0]))
    ArtifactFolders().save(changed, str(own / "copy"))
    settings = Settings()
    ArtifactFolders(trust=signing.trust(settings)).load(str(own / "copy"))


def test_mlflow_loads_what_is_trusted(home: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through its own door, by the list of the process that loads: signed, tampered with, revoked."""
    import mlflow

    monkeypatch.setenv("STORECAST_HOME", str(home))
    assert call("train", served.data, "--model", "naive-growth", "--horizon", 13).code == 0
    model = next((home / "mlruns").rglob("MLmodel")).parent
    assert mlflow.pyfunc.load_model(str(model)) is not None
    own, spare = signing.key_at_hand(Settings()), model / "data" / SIGNATURE
    assert own is not None
    kept = spare.read_bytes()
    spare.write_bytes(kept.replace(own.id.encode(), b"0" * 16))
    with pytest.raises(UntrustedError, match="not trusted"):
        mlflow.pyfunc.load_model(str(model))
    spare.write_bytes(kept)
    assert call("signing", "revoke", own.id, "--why", "stolen").code == 0
    with pytest.raises(UntrustedError, match="revoked"):
        mlflow.pyfunc.load_model(str(model))


def test_an_older_version_is_accepted_by_hand(home: Path, served: Served, monkeypatch) -> None:
    """One that is unsigned is refused until somebody vouches for it; a signed one needs nobody's word."""
    monkeypatch.setenv("STORECAST_HOME", str(home))
    assert call("train", served.data, "--model", "naive-growth", "--horizon", 13).code == 0
    version = call("models", "list", "--json").json()["champion"]
    assert "is signed" in call("signing", "accept", version, "--why", "x").err
    for folder in _versions(home):
        (folder / SIGNATURE).unlink()
    holder = _holder()
    holder.look()
    assert "not signed" in holder.refused
    assert "signing accept" in call("models", "promote", version, "--why", "x").err
    assert call("signing", "accept", version, "--why", "made before we signed").code == 0
    holder.look()
    assert holder.refused == ""


def test_what_cannot_be_signed_is_told_before_the_work(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key file that is not there, one that others can read, a key that is not in the list."""
    monkeypatch.setenv("STORECAST_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    assert "STORECAST_SIGNING_KEY_FILE" in call("train", served.data).err
    monkeypatch.setenv("STORECAST_TRUST_FILE", str(tmp_path / "other.json"))
    assert call("signing", "init").code == 0
    os.chmod(tmp_path / "key.pem", 0o644)
    assert "chmod 600" in call("train", served.data).err
    os.chmod(tmp_path / "key.pem", 0o600)
    monkeypatch.delenv("STORECAST_TRUST_FILE")
    assert "trusted by nobody here" in call("train", served.data).err
