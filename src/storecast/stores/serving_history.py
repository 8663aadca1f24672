"""Which version served when: the moves of ``champion`` as tags, and what a rollback goes back to."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from storecast.errors import RegistryError
from storecast.ports import Move

__all__ = ["MOVE", "check_name", "check_words", "move_tag", "moves_in", "served"]

MOVE = "storecast.move."
_MAX_WORDS = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}", re.ASCII)


def check_name(name: str) -> None:
    """Refuse what is no name for a model, neither in the registry nor as a folder."""
    if not _NAME.fullmatch(name):
        raise RegistryError(
            "this is no name for a model",
            where=repr(name)[:120],
            expected="1 to 100 letters, digits, blanks, dots, dashes or underscores, a letter or digit first",
            remedy="choose another name",
        )


def check_words(move: Move) -> None:
    """Refuse a move that does not say in a few words who makes it and why."""
    for label, text in (("who", move.who), ("why", move.why)):
        if not text.strip() or len(text) > _MAX_WORDS:
            raise RegistryError(
                f"a {move.kind} says who did it and why",
                where=label,
                expected=f"1 to {_MAX_WORDS} characters",
                found=f"{len(text.strip())} characters",
                remedy=f"say {label} in a few words",
            )


def move_tag(move: Move, number: int) -> tuple[str, str]:
    """Key and value of the tag that records ``move`` as the ``number``-th of its model.

    Two people who promote at one time both take the same number; the key's second half keeps both.
    """
    value = json.dumps(vars(move), sort_keys=True)
    return f"{MOVE}{number:06d}.{hashlib.sha256(value.encode()).hexdigest()[:8]}", value


def moves_in(tags: Mapping[str, str]) -> list[Move]:
    """The moves recorded in a model's ``tags``, oldest first; a tag that is no move is left out."""
    moves: list[tuple[str, str, Move]] = []
    for key, value in tags.items():
        move = _move(value) if key.startswith(MOVE) else None
        if move is not None:
            moves.append((key.removeprefix(MOVE)[:6], move.at, move))
    return [move for _, _, move in sorted(moves, key=lambda item: item[:2])]


def served(moves: Iterable[Move], champion: int | None) -> list[int]:
    """The versions that a rollback would go back through, the last one being ``champion``.

    A promotion puts a version on the pile, a rollback takes one off. What moved the alias without
    leaving a record (MLflow's own pages, or a process that died between record and move) shows as a
    champion other than the last on the pile: a version already in the pile cuts it there, another one
    is put on top.
    """
    pile: list[int] = []
    for move in moves:
        pile = _settled(pile, move.previous)
        pile = [*pile, move.version] if move.kind == "promote" else _settled(pile, move.version)
    return _settled(pile, champion)


def _settled(pile: list[int], version: int | None) -> list[int]:
    if version is None:
        return []
    if version in pile:
        return pile[: len(pile) - pile[::-1].index(version)]
    return [*pile, version]


def _move(value: str) -> Move | None:
    # tags are open to anybody's edits: one that is not ours must not take the whole history away
    try:
        raw = json.loads(value)
        move = Move(**raw)
    except (ValueError, TypeError):
        return None
    texts = (move.kind, move.who, move.why, move.at)
    numbers = (move.version, 0 if move.previous is None else move.previous)
    right = all(isinstance(text, str) for text in texts) and all(type(number) is int for number in numbers)
    return move if right and move.kind in ("promote", "rollback") else None
