"""Trees for many rows at a time, of which all but a few columns are known beforehand.

Each tree is a set of leaves, numbered from left to right, a bit each. A split that sends a row to the right
crosses out the leaves on its left; the first leaf that no split has crossed out is the row's (QuickScorer:
Lucchese et al., SIGIR 2015). What the known columns cross out is worked out once for each row and kept; the
few others cross out theirs when they are asked about, by one look into a table for each column. The leaves'
values are added up in the order of the trees, so that the sum is LightGBM's to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Narrowed"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bits = NDArray[np.unsignedinteger]
_STEP = 128  # rows at a time: what is worked on stays near the processor, and no page is asked for anew
_ZERO = float(np.float32(1e-35))  # up to here a value is 0 to LightGBM
_CATEGORICAL, _LEFT, _MISSING, _AS_NAN = 1, 2, 2, 2  # of a decision type; the third is a shift


class _Split(NamedTuple):
    """``bits``: the leaves of ``tree`` that are left where a row goes right: above the ``threshold`` of
    ``column``, or, as ``lost`` says, without a value."""

    tree: int
    column: int
    threshold: float
    lost: bool
    bits: int


@dataclass(frozen=True)
class _Column:
    """All splits on one column: ``bits`` (K + 2, T) by how many of the ``thresholds`` (K + 1,), the last of
    which is infinite, lie below a value; nothing at all lies above them all. ``near``: some lie so near to
    zero that it matters whether a value is taken for it."""

    column: int
    thresholds: Float
    near: bool
    bits: Bits

    def place(self, values: Float) -> Int:
        """(R,) rows of ``bits`` for ``values`` (R,)."""
        if self.near:
            values = np.where(np.abs(values) <= _ZERO, 0.0, values)
        return np.searchsorted(self.thresholds, values)


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """What LightGBM's text says of each tree."""
    for block in text.partition("\nend of trees")[0].split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(number: int, said: Mapping[str, str]) -> tuple[list[_Split], list[float]]:
    """The splits of one tree, and the values of its leaves from left to right."""
    values = list(map(float, said["leaf_value"].split()))
    if len(values) == 1:
        return [], values
    left, right = (list(map(int, said[name].split())) for name in ("left_child", "right_child"))
    ordered: list[float] = []
    bits = [0] * len(left)

    def walk(node: int) -> None:
        if node < 0:
            ordered.append(values[~node])
            return
        first = len(ordered)
        walk(left[node])
        bits[node] = (1 << len(ordered)) - (1 << first)
        walk(right[node])

    walk(0)
    whole = (1 << len(values)) - 1
    thresholds = map(float, said["threshold"].split())
    columns, kinds = (map(int, said[name].split()) for name in ("split_feature", "decision_type"))
    splits = [
        _Split(
            number,
            column,
            threshold,
            not kind & _LEFT if kind >> _MISSING == _AS_NAN else threshold < 0.0,
            whole & ~crossed,
        )
        for column, threshold, kind, crossed in zip(columns, thresholds, kinds, bits, strict=True)
    ]
    return splits, ordered


def _understood(text: str, trees: Sequence[Mapping[str, str]]) -> bool:
    """Whether the text holds nothing but sums of numeric splits, of no more leaves than a word has bits."""
    head = text.partition("\nTree=")[0].splitlines()
    if "num_tree_per_iteration=1" not in head or "average_output" in head:
        return False
    kinds = {int(kind) for tree in trees for kind in tree.get("decision_type", "").split()}
    return (
        all(tree.get("is_linear", "0") == "0" and int(tree["num_leaves"]) <= 64 for tree in trees)
        and not any(kind & _CATEGORICAL or kind >> _MISSING not in (0, _AS_NAN) for kind in kinds)
        and bool(trees)
    )


class Narrowed:
    """The trees over ``rows`` (N, F) whose columns ``free`` may be asked about with other values."""

    def __init__(self, splits: Sequence[_Split], leaves: Float, rows: Float, free: Sequence[int]) -> None:
        trees, most = leaves.shape
        self._type = np.uint32 if most <= 32 else np.uint64
        self._leaves = leaves.ravel()
        self._first = (np.arange(trees) * most)[:, None]
        self._rows, self._values = rows, rows[:, list(free)]
        by_column: dict[int, list[_Split]] = {}
        for split in splits:
            by_column.setdefault(split.column, []).append(split)
        columns = {column: self._column(trees, some) for column, some in by_column.items()}
        self._free = [(i, columns.pop(column)) for i, column in enumerate(free) if column in columns]
        self._known = list(columns.values())
        self._left = np.empty((len(rows), trees), dtype=self._type)
        self._ready = np.zeros(len(rows), dtype=np.bool_)

    @classmethod
    def of(cls, text: str, rows: Float, free: Sequence[int]) -> Narrowed | None:
        """From LightGBM's text; None where that holds what is not understood here."""
        said = list(_blocks(text))
        if not _understood(text, said):
            return None
        trees = [_tree(number, each) for number, each in enumerate(said)]
        leaves = np.zeros((len(trees), max(len(values) for _, values in trees)))
        for place, (_, values) in zip(leaves, trees, strict=True):
            place[: len(values)] = values
        return cls([split for splits, _ in trees for split in splits], leaves, rows, free)

    def _column(self, trees: int, splits: Sequence[_Split]) -> _Column:
        thresholds = np.unique([*(split.threshold for split in splits), np.inf])
        near = bool(((thresholds >= -_ZERO) & (thresholds < _ZERO)).any())
        bits = np.full((len(thresholds) + 1, trees), np.iinfo(self._type).max, dtype=self._type)
        for split in splits:
            first = int(np.searchsorted(thresholds, split.threshold)) + 1
            bits[first:-1, split.tree] &= self._type(split.bits)
            if split.lost:
                bits[-1, split.tree] &= self._type(split.bits)
        return _Column(splits[0].column, thresholds, near, bits)

    def _work_out(self, at: Int) -> None:
        """What the known columns of the rows ``at`` leave; two threads that do it find the same."""
        x = self._rows[at]
        left = np.full((len(at), self._left.shape[1]), np.iinfo(self._type).max, dtype=self._type)
        for column in self._known:
            left &= column.bits.take(column.place(x[:, column.column]), axis=0)
        self._left[at] = left
        self._ready[at] = True

    def free(self, at: Int) -> Float:
        """(R, C) the free columns of rows ``at`` as they are, in the order in which they were named."""
        return self._values.take(at, axis=0)

    def evaluate(self, at: Int, free: Float) -> Float:
        """(R,) what the trees give for rows ``at`` with the free columns as in ``free`` (R, C)."""
        if not (ready := self._ready[at]).all():
            self._work_out(np.unique(at[~ready]))
        looks = [(column.bits, column.place(free[:, i])) for i, column in self._free]
        out = np.empty(len(at))
        for start in range(0, len(at), _STEP):
            some = slice(start, start + _STEP)
            left = self._left.take(at[some], axis=0)
            for bits, place in looks:
                left &= bits.take(place[some], axis=0)
            out[some] = self._sums(left)
        return out

    def _sums(self, left: Bits) -> Float:
        """(R,) of the first leaf in each tree of ``left`` (R, T), before which as many lie as there are bits
        below the lowest that is set."""
        leaf = np.bitwise_count(~left & (left - self._type(1)))
        values = self._leaves.take(leaf.T + self._first)
        if len(left) == 1:  # along the axis on which numbers lie side by side, a sum would pair them
            last: Float = np.add.accumulate(values[:, 0])[-1:]
            return last
        made: Float = np.add.reduce(values, axis=0, initial=0.0)
        return made
