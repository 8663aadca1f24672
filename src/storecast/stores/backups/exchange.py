"""Files and folders put in the place of others, all or none, and what a death in between leaves put right."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["exchanged", "put_right"]

Unit = tuple[Path | None, Path]


def _beside(target: Path, token: str, end: str) -> Path:
    return target.with_name(f".{target.name}.{token}.{end}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def exchanged(units: Sequence[Unit]) -> Iterator[None]:
    """Each first path takes the place of the second, None: nothing does; at the end of the block what was
    there is removed. Where the block raises, all is as it was.

    The new ones are laid beside their places first, on the same volume, so that the exchange itself is
    renames alone. Raises ``OSError``.
    """
    token = secrets.token_hex(4)
    undo: list[tuple[Path, Path]] = []
    try:
        for source, target in units:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if source is not None:
                shutil.move(source, _beside(target, token, "new"))
        os.sync()
        for source, target in units:
            if os.path.lexists(target):
                target.rename(_beside(target, token, "old"))
                undo.append((_beside(target, token, "old"), target))
            if source is not None:
                _beside(target, token, "new").rename(target)
                undo.append((target, _beside(target, token, "new")))
        yield
    except BaseException:
        for now, before in reversed(undo):
            now.rename(before)
        for _, target in units:
            _remove(_beside(target, token, "new"))
        raise
    os.sync()
    for _, target in units:
        with suppress(OSError):  # it is in nobody's way; the next exchange tries again
            _remove(_beside(target, token, "old"))


def put_right(targets: Iterable[Path]) -> None:
    """Undo an exchange that a death ended before its end, and remove what one left that was done."""
    places = list(targets)
    new, old = (_leftovers(places, end) for end in ("new", "old"))
    for path, target in old:
        if new or not os.path.lexists(target):
            if os.path.lexists(target):
                _remove(target)
            path.rename(target)
        else:
            _remove(path)
    for path, _ in new:
        _remove(path)


def _leftovers(targets: Sequence[Path], end: str) -> list[tuple[Path, Path]]:
    return [
        (path, target)
        for target in targets
        for path in (target.parent.glob(f".{target.name}.????????.{end}") if target.parent.is_dir() else ())
    ]
