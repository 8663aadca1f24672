"""``storecast signing``: signed out of the box, trust moved between machines, revoked and rotated."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from storecast.errors import UntrustedError
from storecast.ports.records import ModelEvent
from storecast.service.problems import Problem
from storecast.service.watcher import Holder
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.signatures import SIGNATURE
from storecast.wiring import batch, places, signing
from storecast.wiring.serving import _now, database
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


def _recorded() -> list[ModelEvent]:
    """Changes of the trust list in the record of model events, oldest first."""
    opened = database(Settings())
    try:
        found = ModelEventTable(opened).listing(limit=100)
    finally:
        opened.close()
    return [event for event in reversed(found) if event.kind.startswith(("key-", "version-"))]


def test_changes_of_trust_are_recorded_in_the_chain(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who, when, why and what, each once however often it is said; a change of such a row shows."""
    keys = call("signing", "list", "--json").json()
    old, begun = keys["signs"], time.time_ns() // 1000
    digest = call("models", "show", 1, "--json").json()["version"]["digest"]
    new = call("signing", "rotate", "--why", "the yearly change", "--json").json()
    for _ in range(2):
        assert call("signing", "revoke", 1, "--why", "trained on the wrong file").code == 0
        assert call("signing", "revoke", old, "--why", "laptop stolen").code == 0
    assert call("signing", "revoke", "ab" * 32, "--why", "never to be loaded").code == 0
    found = _recorded()
    public = {key["id"]: hashlib.sha256(bytes.fromhex(key["public"])).hexdigest() for key in keys["keys"]}
    fresh = hashlib.sha256(bytes.fromhex(new["public"])).hexdigest()
    assert [(e.kind, e.why, e.digest, e.from_version, e.to_version) for e in found] == [
        ("key-rotated", f"key {new['key']} in place of {old}: the yearly change", fresh, None, None),
        ("version-revoked", "trained on the wrong file", digest, 1, None),
        ("key-revoked", f"key {old}: laptop stolen", public[old], None, None),
        ("version-revoked", "never to be loaded", "ab" * 32, None, None),
    ]
    assert {(e.who, e.model, e.state) for e in found} == {(batch.user(), "storecast", "done")}
    assert all(begun <= e.at <= time.time_ns() // 1000 for e in found)
    report = call("log", "verify", "--sealed", "--json").json()
    assert (report["whole"], report["entries"] >= 4) == (True, True)
    opened = Database(f"sqlite:///{own}/forecasts.db")
    with opened.write() as connection:
        connection.execute(text("UPDATE model_events SET why = 'nothing' WHERE kind = 'key-revoked'"))
    opened.close()
    tampered = call("log", "verify")
    assert (tampered.code, "was changed since: why" in tampered.out) == (1, True)


def test_a_revocation_does_not_wait_for_the_database(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is changed first; that the record was not told is said, and saying it again records it. What
    is not urgent is not begun."""
    monkeypatch.setenv("STORECAST_LOG_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    before = call("signing", "list", "--json").json()
    refused = call("signing", "revoke", 1, "--why", "wrong file")
    assert (refused.code, "could not be told" in refused.err) == (1, True)
    assert len(call("signing", "list", "--json").json()["revoked"]) == 1
    assert call("signing", "rotate").code == 1
    assert call("signing", "list", "--json").json()["signs"] == before["signs"]
    monkeypatch.delenv("STORECAST_LOG_URL")
    assert _recorded() == []
    assert call("signing", "revoke", 1, "--why", "wrong file").code == 0
    assert [(e.kind, e.from_version) for e in _recorded()] == [("version-revoked", 1)]


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
