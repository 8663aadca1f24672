"""Artifact folders: what comes back, what is refused, and that no code can hide in them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from storecast.errors import ArtifactError
from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders

GOLDEN = Path(__file__).parents[1] / "golden" / "artifact-v1"
GOLDEN_DIGEST = "24e849c76b209800a4a11bfec318c70fa347b23acdf445da1bd8518f0c14fed1"
STORE = ArtifactFolders()


def content() -> ArtifactContent:
    return ArtifactContent(
        arrays={
            "values": np.arange(12, dtype=np.float64).reshape(4, 3) / 8,
            "weeks": np.arange("2010-02-05", "2010-03-05", 7, dtype="datetime64[D]"),
            "keys": np.array(["1", "20", "3_7"]),
            "open": np.array([True, False, True]),
            "growth": np.array(1.25),
            "none": np.zeros((0, 5), dtype=np.float32),
        },
        texts={"boosting.h1": "tree\nversion=v4\n", "note": "naïve\r\n"},
        meta={"season": 52, "metrics": {"wmae": 1234.5}, "levels": [80, 95], "unit": None, "on": True},
    )


def assert_same(one: ArtifactContent, other: ArtifactContent) -> None:
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert array.shape == other.arrays[name].shape
        assert array.tobytes() == other.arrays[name].tobytes()
    assert dict(one.texts) == dict(other.texts)
    assert one.meta == other.meta


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    STORE.save(content(), str(tmp_path / "model"))
    return tmp_path / "model"


def rewrite_manifest(folder: Path, edit) -> None:
    """What somebody does who alters the manifest and knows how its own digest is made."""
    raw = json.loads((folder / "manifest.json").read_text())
    raw.pop("digest")
    edit(raw)
    body = json.dumps(raw, sort_keys=True, indent=1) + "\n"
    raw["digest"] = hashlib.sha256(body.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(raw, sort_keys=True, indent=1) + "\n")


def replace_file(folder: Path, kind: str, name: str, data: bytes) -> None:
    """A file exchanged together with its entry in the manifest: only the contents can betray it."""
    suffix = ".npy" if kind == "arrays" else ".txt"
    (folder / f"{name}{suffix}").write_bytes(data)
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rewrite_manifest(folder, lambda raw: raw[kind].update({name: entry}))


def test_everything_comes_back(tmp_path: Path) -> None:
    """Arrays, texts and meta come back equal in value, dtype and shape, line ends included."""
    digest = STORE.save(content(), str(tmp_path / "model"))
    assert_same(STORE.load(str(tmp_path / "model")), content())
    assert_same(STORE.load(str(tmp_path / "model"), digest), content())
    STORE.check(str(tmp_path / "model"), digest)


def test_same_content_same_digest(tmp_path: Path) -> None:
    """The digest depends on the content alone, not on order, place, memory layout or byte order."""
    first = content()
    turned = dict(reversed(list(first.arrays.items())))
    turned["values"] = np.asfortranarray(turned["values"]).astype(">f8")
    second = ArtifactContent(arrays=turned, texts=dict(reversed(list(first.texts.items()))), meta=first.meta)
    assert STORE.save(first, str(tmp_path / "a")) == STORE.save(second, str(tmp_path / "deep" / "b"))


@pytest.mark.parametrize("part", ["array", "text", "meta"])
def test_any_other_content_has_another_digest(tmp_path: Path, part: str) -> None:
    """One changed number, letter or setting changes the digest."""
    first = content()
    values = np.array(first.arrays["values"])
    values[0, 0] = 1e-300
    other = {
        "array": ArtifactContent({**first.arrays, "values": values}, first.texts, first.meta),
        "text": ArtifactContent(first.arrays, {**first.texts, "note": "naive\r\n"}, first.meta),
        "meta": ArtifactContent(first.arrays, first.texts, {**first.meta, "season": 53}),
    }[part]
    assert STORE.save(first, str(tmp_path / "a")) != STORE.save(other, str(tmp_path / "b"))


@given(
    array=hnp.arrays(
        st.one_of(
            hnp.boolean_dtypes(),
            hnp.integer_dtypes(),
            hnp.unsigned_integer_dtypes(),
            hnp.floating_dtypes(sizes=(16, 32, 64)),
            hnp.datetime64_dtypes(),
            hnp.timedelta64_dtypes(),
            hnp.unicode_string_dtypes(max_len=5),
            hnp.byte_string_dtypes(max_len=5),
        ),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    meta=st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda child: st.lists(child) | st.dictionaries(st.text(), child),
            max_leaves=8,
        ),
        max_size=4,
    ),
)
def test_any_plain_content_survives(tmp_path_factory, array, text, meta) -> None:
    """Any array of plain values, any text and any JSON meta survive bit for bit."""
    folder = tmp_path_factory.mktemp("any") / "model"
    digest = STORE.save(ArtifactContent({"a": array}, {"t": text}, meta), str(folder))
    back = STORE.load(str(folder), digest)
    little = array.astype(array.dtype.newbyteorder("<"))
    assert back.arrays["a"].dtype == little.dtype
    assert back.arrays["a"].shape == array.shape
    assert back.arrays["a"].tobytes() == little.tobytes()
    assert dict(back.texts) == {"t": text}
    assert back.meta == meta


def test_arrays_can_be_mapped(folder: Path) -> None:
    """An array file is an ordinary .npy that numpy maps without reading it."""
    mapped = np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(mapped, content().arrays["values"])


def test_loaded_arrays_are_read_only(folder: Path) -> None:
    """A loaded array cannot be changed by accident: it is the bytes whose digest was checked."""
    with pytest.raises(ValueError, match="read-only"):
        STORE.load(str(folder)).arrays["values"][0, 0] = 1.0


def test_no_pickle_is_written(folder: Path) -> None:
    """Every file is JSON, text or a .npy without object dtype."""
    assert {path.suffix for path in folder.iterdir()} == {".json", ".npy", ".txt"}
    for path in folder.glob("*.npy"):
        assert not np.load(path, allow_pickle=False).dtype.hasobject


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.zeros(2, dtype=[("a", "f8"), ("b", "O")]),
        np.zeros(2, dtype=[("a", "f8")]),
        np.zeros(2, dtype=complex),
        np.array(["a", "bcd"], dtype=np.dtypes.StringDType()),
    ],
    ids=["object", "record with object", "record", "complex", "variable text"],
)
def test_arrays_that_are_not_plain_are_refused(tmp_path: Path, array) -> None:
    """Objects and records are refused when saved, and nothing is left behind."""
    with pytest.raises(ArtifactError, match="cannot be stored as plain data"):
        STORE.save(ArtifactContent({"a": array}), str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "meta",
    [
        {"a": float("nan")},
        {"a": [1.0, float("inf")]},
        {1: "a"},
        {"a": {"b": np.int64(3)}},
        {"a": {1, 2}},
        {"a": b"bytes"},
    ],
    ids=repr,
)
def test_meta_that_json_would_change_is_refused(tmp_path: Path, meta) -> None:
    """What JSON cannot hold exactly is refused when saved, and nothing is left behind."""
    with pytest.raises(ArtifactError, match="not plain JSON"):
        STORE.save(ArtifactContent({}, {}, meta), str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


def test_bottomless_meta_is_refused(tmp_path: Path) -> None:
    """Endless nesting is refused with a message, not with a crash."""
    deep: dict[str, object] = {}
    deep["a"] = deep
    with pytest.raises(ArtifactError, match="levels"):
        STORE.save(ArtifactContent({}, {}, deep), str(tmp_path / "model"))


BAD_NAMES = [
    "../evil",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "",
    ".",
    "..",
    ".hidden",
    "a..b",
    "a\0b",
    "Ä",
    "A",
    "x" * 300,
]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["arrays", "texts"])
def test_names_that_leave_the_folder_are_never_written(tmp_path: Path, kind: str, name: str) -> None:
    """A name that is not a plain file name is refused when saved."""
    bad = (
        {"arrays": {name: np.zeros(1)}, "texts": {}}
        if kind == "arrays"
        else {"arrays": {}, "texts": {name: ""}}
    )
    with pytest.raises(ArtifactError, match="not a plain file name"):
        STORE.save(ArtifactContent(**bad), str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["arrays", "texts"])
def test_names_that_leave_the_folder_are_never_read(folder: Path, kind: str, name: str) -> None:
    """A manifest that names a path outside is refused before anything is opened."""
    secret = folder.parent / ("evil.npy" if kind == "arrays" else "evil.txt")
    secret.write_text("secret")
    entry = {"size": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    rewrite_manifest(folder, lambda raw: raw[kind].update({name: entry}))
    with pytest.raises(ArtifactError, match="not a plain file name"):
        STORE.load(str(folder))


@pytest.mark.parametrize("name", ["values.npy", "note.txt", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "longer", "one bit", "empty", "gone"])
def test_damage_of_any_file_is_noticed(folder: Path, name: str, damage: str) -> None:
    """A truncated, grown, flipped, emptied or missing file is refused and named, digest given or not."""
    path = folder / name
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    changed = {"cut": data[:-1], "longer": data + b"\0", "one bit": bytes(flipped), "empty": b""}
    path.unlink() if damage == "gone" else path.write_bytes(changed[damage])
    for read in (STORE.load, STORE.check):
        with pytest.raises(ArtifactError) as caught:
            read(str(folder))
        assert name in caught.value.where
        assert caught.value.remedy


def test_swapped_files_are_noticed(tmp_path: Path) -> None:
    """Two files of one size that change places are refused."""
    STORE.save(ArtifactContent({"a": np.zeros(3), "b": np.ones(3)}), str(tmp_path / "model"))
    a, b = tmp_path / "model" / "a.npy", tmp_path / "model" / "b.npy"
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)
    with pytest.raises(ArtifactError, match="was altered"):
        STORE.load(str(tmp_path / "model"))


def test_a_whole_other_folder_is_noticed(folder: Path) -> None:
    """A folder that is sound in itself is refused where the recorded digest is another one."""
    digest = json.loads((folder / "manifest.json").read_text())["digest"]
    rewrite_manifest(folder, lambda raw: raw["meta"].update(season=13))
    assert STORE.load(str(folder)).meta["season"] == 13
    with pytest.raises(ArtifactError, match="not the one that was registered") as caught:
        STORE.load(str(folder), digest)
    assert digest in caught.value.expected


def test_an_edited_manifest_is_noticed(folder: Path) -> None:
    """A setting changed by hand is refused even where no digest was recorded elsewhere."""
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"season": 52', '"season": 51'))
    with pytest.raises(ArtifactError, match="manifest was altered"):
        STORE.load(str(folder))


@pytest.mark.parametrize("version", [0, 2, 99, "1", 1.0, True, None, [1]], ids=repr)
def test_an_unknown_schema_says_who_wrote_it(folder: Path, version) -> None:
    """Another schema version is refused with the version that is known and the one that wrote it."""
    rewrite_manifest(folder, lambda raw: raw.update(schema_version=version, storecast="9.9.0"))
    with pytest.raises(ArtifactError, match="schema this storecast does not know") as caught:
        STORE.load(str(folder))
    assert "9.9.0" in caught.value.found
    assert "schema version 1" in caught.value.expected


@pytest.mark.parametrize("name", ["extra.py", "values2.npy", ".hidden", "sub"])
def test_unlisted_entries_are_refused(folder: Path, name: str) -> None:
    """A file or folder that the manifest does not list is refused and named."""
    (folder / name).mkdir() if name == "sub" else (folder / name).write_text("import os")
    with pytest.raises(ArtifactError, match="does not list") as caught:
        STORE.load(str(folder))
    assert name in caught.value.where


@pytest.mark.parametrize("name", ["values.npy", "note.txt", "manifest.json"])
def test_links_are_not_followed(folder: Path, name: str) -> None:
    """A link in place of a file is refused even where the same bytes lie behind it."""
    elsewhere = folder.parent / "elsewhere"
    shutil.move(folder / name, elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="cannot be read"):
        STORE.load(str(folder))


def test_pipes_and_folders_are_not_read(folder: Path) -> None:
    """A pipe or folder in place of a file is refused at once instead of being waited for."""
    (folder / "note.txt").unlink()
    os.mkfifo(folder / "note.txt")
    with pytest.raises(ArtifactError, match="no plain file"):
        STORE.load(str(folder))
    (folder / "note.txt").unlink()
    (folder / "note.txt").mkdir()
    with pytest.raises(ArtifactError, match="no plain file"):
        STORE.load(str(folder))


def test_a_pickle_in_an_array_file_never_runs(folder: Path, tmp_path: Path) -> None:
    """An array file of pickled objects, digests and all in order, is refused without being unpickled."""
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    data = tmp_path / "evil.npy"
    np.save(data, np.array([Evil()], dtype=object), allow_pickle=True)
    for evil in (data.read_bytes(), pickle.dumps(Evil())):
        replace_file(folder, "arrays", "values", evil)
        with pytest.raises(ArtifactError, match="not readable as plain data"):
            STORE.load(str(folder))
    assert not mark.exists()


def npy(header: str, values: bytes = b"") -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + values


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x03\x00" + bytes(60),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 1)}", bytes(8)),
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1,)}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("(" * 9000),
        npy("[" * 200 + "]" * 200),
        npy("not a header"),
        npy("{'descr': '<f8'}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1), }", bytes(8)),
        npy("{'descr': '<q99', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        npy("{'descr': '<U999999999', 'fortran_order': False, 'shape': (999999999999999999,), }", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", bytes(8)),
        npy("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", bytes(16)),
        npy("{'descr': '|V8', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        npy("{'descr': '|O8', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1,), }"),
        npy(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 999999999999999999, 999999999999999999), }"
        ),
        npy("{'descr': '<M8[xx]', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    ],
    ids=range(25),
)
def test_lying_array_headers_are_refused(folder: Path, data: bytes) -> None:
    """Headers that lie about size or kind, or hold code, are refused without memory being taken."""
    replace_file(folder, "arrays", "values", data)
    with pytest.raises(ArtifactError, match="not readable as plain data"):
        STORE.load(str(folder))


def test_a_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    """A text file of other bytes than UTF-8 is refused."""
    replace_file(folder, "texts", "note", b"\xff\xfe")
    with pytest.raises(ArtifactError, match="not UTF-8"):
        STORE.load(str(folder))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "[" * 60 + "]" * 60 + "}",
        '{"schema_version": 1e999}',
        '{"schema_version": NaN}',
        '{"schema_version": ' + "1" * 10_000 + "}",
        "\ud800",
    ],
    ids=range(11),
)
def test_a_manifest_that_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    """Broken, bottomless or monstrous JSON is refused with a message."""
    (folder / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtifactError, match="manifest is not readable"):
        STORE.load(str(folder))


def test_a_huge_manifest_is_not_read(folder: Path) -> None:
    """A manifest of gigabytes (here a sparse file) is refused by its size."""
    with open(folder / "manifest.json", "ab") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(ArtifactError, match="another size"):
        STORE.load(str(folder))


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw.pop("texts"),
        lambda raw: raw.update(more=1),
        lambda raw: raw.update(arrays=[]),
        lambda raw: raw.update(meta=[]),
        lambda raw: raw["arrays"].update(values=3),
        lambda raw: raw["arrays"]["values"].update(size=-1),
        lambda raw: raw["arrays"]["values"].update(size=True),
        lambda raw: raw["arrays"]["values"].update(sha256="0"),
    ],
    ids=range(8),
)
def test_a_manifest_of_another_shape_is_refused(folder: Path, edit) -> None:
    """Missing, added or wrongly typed parts are refused."""
    rewrite_manifest(folder, edit)
    with pytest.raises(ArtifactError, match=r"other parts than its schema|describes a file badly"):
        STORE.load(str(folder))


@pytest.mark.parametrize("kind", ["absent", "file", "empty folder"])
def test_no_folder_at_all(tmp_path: Path, kind: str) -> None:
    """A path that is no model folder is refused and named."""
    path = tmp_path / "model"
    if kind == "file":
        path.write_text("")
    if kind == "empty folder":
        path.mkdir()
    with pytest.raises(ArtifactError) as caught:
        STORE.load(str(path))
    assert str(path) in caught.value.where


def test_a_folder_is_never_written_over(folder: Path) -> None:
    """Saving to an existing folder is refused and leaves it as it was."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ArtifactError, match="never written over"):
        STORE.save(ArtifactContent({}), str(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch, stop: BaseException) -> None:
    """A full disk or an interrupt half way leaves neither the folder nor a piece of it."""
    calls = []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise stop

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises((ArtifactError, KeyboardInterrupt)):
        STORE.save(content(), str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    """The folder follows the umask, so that a service of another user can read it."""
    before = os.umask(0o022)
    try:
        STORE.save(content(), str(tmp_path / "model"))
    finally:
        os.umask(before)
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "model" / "manifest.json").stat().st_mode & 0o777 == 0o644


def test_the_first_schema_still_loads() -> None:
    """A folder written by release 0.1 loads with the values it was made from."""
    golden = STORE.load(str(GOLDEN), GOLDEN_DIGEST)
    np.testing.assert_array_equal(golden.arrays["values"], np.arange(20.0).reshape(5, 4) ** 2 / 16)
    np.testing.assert_array_equal(golden.arrays["counts"], np.array([-(2**40), 0, 7]))
    assert golden.arrays["keys"].tolist() == ["1_1", "1_2", "2_1", "größer"]
    assert golden.arrays["weeks"].tolist()[-1].isoformat() == "2024-02-02"
    assert golden.arrays["open"].tolist() == [[True, False], [False, True]]
    assert golden.arrays["growth"] == np.float64(1.0625)
    assert golden.texts == {"boosting": "tree\nversion=v4\n", "note": "Weekly sales, naïve\n"}
    assert golden.meta == {
        "config": {"season_length": 52, "levels": [80, 95], "country": None},
        "metrics": {"wmae": 41234.5},
    }
