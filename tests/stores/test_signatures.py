"""Signed versions: what nobody who is trusted has signed is refused, and nothing of it runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from storecast.errors import ArtifactError, SetupError, UntrustedError
from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.manifest import MAX_BYTES
from storecast.stores.signatures import SIGNATURE, Trust, signature_of
from storecast.stores.signing_keys import SigningKey, key_id, read_key, read_public, write_key
from storecast.stores.trust_list import (
    AcceptedVersion,
    RevokedVersion,
    TrustList,
    change_list,
    read_list,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "artifact-v1"
MARKER = "a pickle ran"


class Payload:
    """What would leave a trace if anything unpickled it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return exec, (f"import sys; sys.modules[{MARKER!r}] = sys",)


class World:
    """Two keys, of which one is trusted, and a small signed version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.stranger = write_key(folder / "key.pem"), write_key(folder / "stranger.pem")
        self.trust = Trust(folder / "trusted.json")
        self.change(lambda known: known.with_key(self.key.public, name="us", at="2026-01-01"))
        self.store = ArtifactFolders(trust=self.trust)
        self.model = folder / "model"
        self.digest = self.save(self.model)

    def change(self, change: Callable[[TrustList], TrustList]) -> None:
        change_list(self.trust.path, change)

    def save(self, folder: Path, key: SigningKey | None = None, **meta: object) -> str:
        signer = self.key if key is None else key
        return ArtifactFolders(signer=lambda: signer).save(_content(**meta), str(folder))

    def sign(self, folder: Path, key: SigningKey | None = None) -> None:
        """Sign whatever manifest lies there."""
        manifest = (folder / "manifest.json").read_bytes()
        (folder / SIGNATURE).write_bytes(signature_of(manifest, key or self.key))


def _content(**meta: object) -> ArtifactContent:
    arrays = {"point": np.arange(6.0).reshape(2, 3), "keys": np.array(["1", "2"])}
    return ArtifactContent(arrays=arrays, texts={"note": "plain\n"}, meta={"season": 52, **meta})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def nothing_ran() -> Iterator[list[str]]:
    """Fails where anything was unpickled, compiled, executed or started during the test."""
    heard: list[str] = []
    watching = [True]
    bad = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn")

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching and event in bad:
            heard.append(event)

    sys.modules.pop(MARKER, None)
    sys.addaudithook(hook)
    yield heard
    watching.clear()
    assert heard == []
    assert MARKER not in sys.modules


def test_the_trap_notices_a_pickle() -> None:
    """What the tests below rely on: a payload that is unpickled leaves its mark."""
    sys.modules.pop(MARKER, None)
    with pytest.raises(TypeError):
        raise TypeError(pickle.loads(pickle.dumps(Payload())))
    assert sys.modules.pop(MARKER) is sys


def test_a_signed_version_comes_back(world: World) -> None:
    """Signed, checked, loaded and copied with its signature; unsigned content has the same digest."""
    loaded = world.store.load(str(world.model), world.digest)
    assert loaded.arrays["point"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    world.store.check(str(world.model))
    world.store.admit(str(world.model), world.digest)
    world.store.copy(str(world.model), str(world.folder / "copy"), world.digest)
    assert sorted(p.name for p in (world.folder / "copy").iterdir()) == sorted(os.listdir(world.model))
    assert world.store.load(str(world.folder / "copy"), world.digest).meta == loaded.meta
    assert ArtifactFolders().save(_content(), str(world.folder / "unsigned")) == world.digest
    assert ArtifactFolders().load(str(world.model)).texts == {"note": "plain\n"}


def test_the_signature_is_plain_ed25519(world: World) -> None:
    """Whoever knows the public key can check it with any library: three lines, over the manifest's bytes."""
    manifest = (world.model / "manifest.json").read_bytes()
    first, name, made = (world.model / SIGNATURE).read_text().splitlines()
    assert first == "storecast-signature 1"
    assert name == f"key {hashlib.sha256(world.key.public).hexdigest()[:16]}"
    public = Ed25519PublicKey.from_public_bytes(world.key.public)
    signature = bytes.fromhex(made.removeprefix("ed25519 "))
    public.verify(signature, b"storecast model manifest 1\n" + manifest)
    with pytest.raises(InvalidSignature):
        public.verify(signature, manifest)


def test_every_flipped_byte_is_refused(world: World, nothing_ran: list[str]) -> None:
    """Each byte of each file of a signed version, one after the other, with each of its bits turned."""
    flipped = 0
    for path in sorted(world.model.iterdir()):
        good = path.read_bytes()
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
            with pytest.raises(ArtifactError):
                world.store.load(str(world.model), world.digest)
            flipped += 1
        for other in (good[:-1], good + b"\n", b""):
            path.write_bytes(other)
            with pytest.raises(ArtifactError):
                world.store.load(str(world.model), world.digest)
        path.write_bytes(good)
    assert flipped == sum(path.stat().st_size for path in world.model.iterdir()) > 1000
    world.store.load(str(world.model), world.digest)


def test_no_byte_of_a_manifest_is_parsed_before_its_signature(world: World) -> None:
    """Garbage that no parser survives is refused for its signature, not by the parser."""
    for garbage in (b"[" * 200_000, b"\xff\xfe", b"{}", json.dumps({"a": {"b": 1}}).encode() * 3):
        (world.model / "manifest.json").write_bytes(garbage)
        with pytest.raises(UntrustedError, match="not that of its manifest"):
            world.store.load(str(world.model))
        with pytest.raises(UntrustedError):
            world.store.load(str(world.model), world.digest)


def _rewritten(
    folder: Path, name: str, data: bytes, edit: Callable[[Any], object] = lambda raw: None
) -> None:
    """A file exchanged with its entry in the manifest, as somebody does who knows how digests are made."""
    (folder / name).write_bytes(data)
    raw = json.loads((folder / "manifest.json").read_text())
    raw.pop("digest")
    kind, stem = ("arrays", name[:-4]) if name.endswith(".npy") else ("texts", name[:-4])
    raw[kind][stem] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit(raw)
    body = json.dumps(raw, sort_keys=True, indent=1) + "\n"
    raw["digest"] = hashlib.sha256(body.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(raw, sort_keys=True, indent=1) + "\n")


def _objects() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Payload()], dtype=object), allow_pickle=True)
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    np.savez(out, point=np.array([Payload()], dtype=object))
    return out.getvalue()


@pytest.mark.parametrize("signed", [False, True], ids=["as it was signed", "signed by a trusted key"])
@pytest.mark.parametrize("made", [_objects, _archive, lambda: pickle.dumps(Payload())])
def test_pickles_are_refused(
    world: World, nothing_ran: list[str], made: Callable[[], bytes], signed: bool
) -> None:
    """An object array, an archive with one, a bare pickle: refused, even where somebody signed them."""
    _rewritten(world.model, "point.npy", made())
    if signed:
        world.sign(world.model)
    with pytest.raises(ArtifactError, match="not readable as plain data" if signed else "signature"):
        world.store.load(str(world.model))


def _name(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        entry = {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
        _rewritten(folder, "note.txt", b"plain\n", lambda raw: raw["texts"].update({name: entry}))

    return edit


def _huge(folder: Path) -> None:
    with open(folder / "manifest.json", "r+b") as file:
        file.truncate(MAX_BYTES + 1)


def _huge_signature(folder: Path) -> None:
    with open(folder / SIGNATURE, "ab") as file:
        file.truncate(1 << 30)


def _oversized(folder: Path) -> None:
    with open(folder / "point.npy", "r+b") as file:
        file.truncate(1 << 40)


def _link(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        shutil.move(folder / name, folder.parent / f"moved-{name}")
        (folder / name).symlink_to(folder.parent / f"moved-{name}")

    return edit


@pytest.mark.parametrize("resigned", [False, True], ids=["as it was signed", "signed again"])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(_name("../outside"), id="name that leads out"),
        pytest.param(_name("/etc/passwd"), id="absolute name"),
        pytest.param(_name("sub/file"), id="name with a folder"),
        pytest.param(_name("..."), id="dots"),
        pytest.param(_name("a" * 300), id="long name"),
        pytest.param(_huge, id="huge manifest"),
        pytest.param(_oversized, id="oversized file"),
        pytest.param(lambda folder: (folder / "extra.npy").write_bytes(b"x"), id="extra file"),
        pytest.param(lambda folder: (folder / "extra").mkdir(), id="extra folder"),
        pytest.param(lambda folder: (folder / "keys.npy").unlink(), id="missing file"),
        pytest.param(_link("point.npy"), id="link as array"),
        pytest.param(_link("manifest.json"), id="link as manifest"),
        pytest.param(lambda folder: _rewritten(folder, "note.txt", b"other\n"), id="replaced manifest"),
    ],
)
def test_malicious_versions_are_refused(
    world: World, nothing_ran: list[str], edit: Callable[[Path], None], resigned: bool, request
) -> None:
    """Names, sizes, links, extra files: refused, also where a trusted key signed the manifest."""
    edit(world.model)
    name = request.node.callspec.id
    if resigned and "huge" not in name:
        world.sign(world.model)
    if resigned and "replaced" in name:
        assert world.store.load(str(world.model)).texts == {"note": "other\n"}
        with pytest.raises(ArtifactError, match="not the one that was registered"):
            world.store.load(str(world.model), world.digest)
        return
    for read in (world.store.load, world.store.check):
        with pytest.raises(ArtifactError):
            read(str(world.model))
    with pytest.raises(ArtifactError):
        world.store.copy(str(world.model), str(world.folder / "copy"))
    assert not (world.folder / "copy").exists()


@pytest.mark.parametrize("edit", [_huge_signature, _link(SIGNATURE)], ids=["huge", "link"])
def test_a_signature_is_a_small_plain_file(world: World, edit: Callable[[Path], None]) -> None:
    """Nothing else is read as one."""
    edit(world.model)
    with pytest.raises(ArtifactError, match=r"another size|cannot be read"):
        world.store.load(str(world.model))


def test_who_signed_counts(world: World) -> None:
    """A stranger's signature, one of another version, none at all: each is refused by its name."""
    other = world.folder / "other"
    world.save(other, season=26)
    world.save(world.folder / "theirs", world.stranger)
    with pytest.raises(UntrustedError, match="not trusted") as caught:
        world.store.load(str(world.folder / "theirs"))
    assert (caught.value.found, world.key.id in caught.value.expected) == (f"key {world.stranger.id}", True)
    shutil.copy(other / SIGNATURE, world.model / SIGNATURE)
    with pytest.raises(UntrustedError, match="not that of its manifest"):
        world.store.load(str(world.model))
    world.sign(world.model, world.stranger)
    forged = (world.model / SIGNATURE).read_text().replace(world.stranger.id, world.key.id)
    (world.model / SIGNATURE).write_text(forged)
    with pytest.raises(UntrustedError, match="not that of its manifest"):
        world.store.load(str(world.model))
    (world.model / SIGNATURE).unlink()
    with pytest.raises(UntrustedError, match="not signed") as caught:
        world.store.load(str(world.model))
    assert "signing accept" in caught.value.remedy


def test_revoked_keys_and_versions_count_no_more(world: World) -> None:
    """At once, and in any case; trust in another key goes on."""
    world.change(lambda known: known.with_key(world.stranger.public, name="them", at="2026-01-02"))
    world.save(world.folder / "theirs", world.stranger)
    world.store.load(str(world.folder / "theirs"))
    world.change(lambda known: known.without_key(world.stranger.id, "2026-01-03: laptop stolen"))
    with pytest.raises(UntrustedError, match="key that was revoked") as caught:
        world.store.load(str(world.folder / "theirs"))
    assert "laptop stolen" in caught.value.found
    world.change(lambda known: known.with_key(world.stranger.public, name="again", at="2026-01-04"))
    with pytest.raises(UntrustedError, match="key that was revoked"):
        world.store.load(str(world.folder / "theirs"))
    world.store.load(str(world.model))
    gone = RevokedVersion(world.digest, "wrong file", "2026-01-05")
    world.change(lambda known: TrustList(known.keys, known.accepted, (gone,)))
    lax = ArtifactFolders(trust=Trust(world.trust.path, required=False))
    for store in (world.store, lax):
        for digest in (None, world.digest):
            with pytest.raises(UntrustedError, match="revoked") as caught:
                store.load(str(world.model), digest)
            assert "wrong file" in caught.value.found
        with pytest.raises(UntrustedError):
            store.admit(str(world.model), world.digest)


def test_what_is_not_required_is_let_in(world: World, tmp_path: Path) -> None:
    """Without a list, or where it is switched off, older versions load; a wrong signature never does."""
    for trust in (Trust(tmp_path / "none.json"), Trust(world.trust.path, required=False)):
        ArtifactFolders(trust=trust).load(str(GOLDEN))
    with pytest.raises(UntrustedError, match="not signed"):
        world.store.load(str(GOLDEN))
    with pytest.raises(UntrustedError, match="not signed"):
        ArtifactFolders(trust=Trust(tmp_path / "none.json", required=True)).load(str(GOLDEN))
    lax = ArtifactFolders(trust=Trust(world.trust.path, required=False))
    world.save(world.folder / "theirs", world.stranger)
    lax.load(str(world.folder / "theirs"))
    data = bytearray((world.model / SIGNATURE).read_bytes())
    data[60] ^= 1
    (world.model / SIGNATURE).write_bytes(bytes(data))
    with pytest.raises(UntrustedError):
        lax.load(str(world.model))


def test_an_accepted_version_is_that_very_one(world: World) -> None:
    """An unsigned version counts by its manifest's bytes; another one, or an edited one, does not."""
    manifest = (GOLDEN / "manifest.json").read_bytes()
    item = AcceptedVersion(hashlib.sha256(manifest).hexdigest(), "", "made before", "2026-01-01")
    world.change(lambda known: TrustList(known.keys, (item,)))
    world.store.load(str(GOLDEN))
    (world.model / SIGNATURE).unlink()
    with pytest.raises(UntrustedError, match="not signed"):
        world.store.load(str(world.model))


@given(
    signature=st.binary(max_size=300) | st.text("0123456789abcdef\nkey ed25519", max_size=200).map(str.encode)
)
def test_no_other_bytes_are_a_signature(tmp_path_factory: pytest.TempPathFactory, signature: bytes) -> None:
    """Anything that is not what the key made is refused in words."""
    world = _shared(tmp_path_factory)
    with pytest.raises(UntrustedError):
        world.trust.check(b"manifest", signature, "here")
    world.trust.check(b"manifest", signature_of(b"manifest", world.key), "here")


_SHARED: list[World] = []


def _shared(factory: pytest.TempPathFactory) -> World:
    if not _SHARED:
        _SHARED.append(World(factory.mktemp("signed")))
    return _SHARED[0]


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """It is made readable by the owner, never over another, and not used where others could read it."""
    path = tmp_path / "deep" / "key.pem"
    key = write_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read_key(path)
    assert found is not None
    assert (found.public, found.id) == (key.public, key_id(key.public))
    secret = path.read_text().splitlines()[1]
    assert secret not in repr(found)
    with pytest.raises(SetupError, match="already"):
        write_key(path)
    for mode in (0o644, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(SetupError, match="chmod 600") as caught:
            read_key(path)
        assert secret not in str(caught.value)
    path.chmod(0o440)
    assert read_key(path) is not None
    path.chmod(0o600)
    path.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SetupError, match="cannot be used") as caught:
        read_key(path)
    assert "secret" not in str(caught.value)
    assert read_key(tmp_path / "none.pem") is None


def test_public_keys_are_given_as_digits_or_pem(tmp_path: Path) -> None:
    """Both name the same key; anything else is refused."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = write_key(tmp_path / "key.pem")
    pem = Ed25519PublicKey.from_public_bytes(key.public).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "public.pem").write_bytes(pem)
    for given_ in (key.public.hex(), str(tmp_path / "public.pem"), pem.decode()):
        assert read_public(given_) == key.public
    for wrong in ("", "zz" * 32, key.public.hex()[:-2], str(tmp_path / "key.pem"), str(tmp_path)):
        with pytest.raises(SetupError, match="no public key"):
            read_public(wrong)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"schema_version":2,"keys":[],"accepted":[],"revoked":[]}',
        b'{"schema_version":1,"keys":[{"id":"x"}],"accepted":[],"revoked":[]}',
        b'{"schema_version":1,"keys":[{"id":"0","public":"00","name":"","added":""}],"accepted":[],"revoked":[]}',
        b'{"schema_version":1,"keys":[],"accepted":[],"revoked":[{"digest":1,"why":"","at":""}]}',
    ],
)
def test_a_damaged_list_trusts_nobody(world: World, data: bytes) -> None:
    """It is told, with the remedy; nothing is loaded by it."""
    world.trust.path.write_bytes(data)
    with pytest.raises(SetupError, match="no version can be trusted"):
        world.store.load(str(world.model))
    with pytest.raises(SetupError, match="no version can be trusted"):
        change_list(world.trust.path, lambda known: known)


def test_a_key_is_trusted_by_its_own_name_alone(world: World) -> None:
    """Another public half under a trusted id is no way in."""
    raw = json.loads(world.trust.path.read_text())
    raw["keys"][0]["public"] = world.stranger.public.hex()
    world.trust.path.write_text(json.dumps(raw))
    with pytest.raises(SetupError, match="not the one its public half makes"):
        read_list(world.trust.path)
