"""Numbers as people write them: currency, thousands separators, decimal commas, brackets for minus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["NULLS", "as_text", "decimal_mark", "parse_flags", "parse_numbers"]

NULLS = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "–", ".", "?", "missing")
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_CURRENCY = r"(?i)[$€£¥₹₩\x{a4}]|\b(usd|eur|gbp|cad|aud|inr|jpy|mxn|brl|chf)\b|\brs\b\.?|%$"
_WITH_POINT = r"^[+-]?(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3}|\d+)(\.\d*)?$"
_WITH_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?$"
_SURE_COMMA = r"^[+-]?(\d+,(\d{1,2}|\d{4,})|\d{4,},\d+|0,\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})$"
_SURE_POINT = r"^[+-]?(\d+\.(\d{1,2}|\d{4,})|\d{4,}\.\d+|0?\.\d+|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,})$"
_FLAGS = {
    "1": 1.0,
    "0": 0.0,
    "1.0": 1.0,
    "0.0": 0.0,
    "true": 1.0,
    "false": 0.0,
    "yes": 1.0,
    "no": 0.0,
    "y": 1.0,
    "n": 0.0,
    "t": 1.0,
    "f": 0.0,
    "ja": 1.0,
    "nein": 0.0,
    "wahr": 1.0,
    "falsch": 0.0,
    "holiday": 1.0,
    "none": 0.0,
}

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Column = Any  # a pyarrow array; pyarrow ships no types


def as_text(column: Column) -> Column:
    """The column as trimmed text, "" where nothing is written."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    text = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    return pc.fill_null(pc.utf8_trim_whitespace(text), "")


def _numeric(column: Column) -> bool:
    t = column.type
    return bool(
        pa.types.is_integer(t)
        or pa.types.is_floating(t)
        or pa.types.is_decimal(t)
        or pa.types.is_boolean(t)
        or pa.types.is_null(t)
    )


def _bare(text: Column) -> Column:
    """Without currency, blanks between groups of digits; brackets and a trailing minus made a minus."""
    bare = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, _CURRENCY, ""))
    for _ in range(2):  # groups overlap: 1 234 567
        bare = pc.replace_substring_regex(bare, r"(\d)[\s\x{a0}\x{202f}\x{2009}'’](\d{3})", r"\1\2")
    bare = pc.replace_substring(pc.replace_substring(bare, "−", "-"), "\u00a0", "")
    bare = pc.replace_substring_regex(bare, r"^\(\s*(.*?)\s*\)$", r"-\1")
    bare = pc.replace_substring_regex(bare, r"^([^-]*\d[.,]?)\s*-$", r"-\1")
    return pc.replace_substring_regex(bare, r"^([+-])\s+", r"\1")


def _is_null(text: Column) -> Column:
    return pc.is_in(pc.utf8_lower(text), value_set=pa.array(NULLS))


def _matches(text: Column, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(text, pattern)).as_py() or 0)


def decimal_mark(columns: Iterable[Column], delimiter: str) -> str:
    """Point or comma, once for all number columns of a file: what most numbers that tell speak for.

    Where none tells (1,234 may be either) a file with semicolons has decimal commas.
    """
    comma = point = doubtful = 0
    for column in columns:
        if _numeric(column):
            point += len(column)
            continue
        text = as_text(column)
        if not _matches(text, ","):
            # Points alone: groups of thousands (1.234.567) or plain decimals.
            comma += _matches(text, r"^[+-]?\d{1,3}(\.\d{3}){2,}$")
            point += _matches(text, _SURE_POINT)
            continue
        bare = _bare(text)
        comma += _matches(bare, _SURE_COMMA)
        point += _matches(bare, _SURE_POINT)
        doubtful += _matches(bare, r"^[+-]?\d{1,3},\d{3}$")
    if comma == point:
        return "," if delimiter == ";" and doubtful else "."
    return "," if comma > point else "."


def parse_numbers(column: Column, mark: str = ".") -> tuple[Float, Bool]:
    """Numbers of a column (n,), NaN where nothing is written, and a mask (n,) of what is no number."""
    n = len(column)
    if _numeric(column):
        values = pc.cast(column, pa.float64(), safe=False)
        return values.to_numpy(zero_copy_only=False).astype(np.float64), np.zeros(n, dtype=bool)
    text = as_text(column)
    text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    if mark == ".":
        try:
            given = pc.if_else(_is_null(text), None, text)
            return pc.cast(given, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64), np.zeros(
                n, dtype=bool
            )
        except pa.ArrowInvalid:
            pass  # some cells need the slower reading below
    # Distinct texts only: most slow columns repeat few of them.
    coded = pc.dictionary_encode(text)
    words = coded.dictionary
    given = pc.if_else(_is_null(words), "", words)
    bare = pc.replace_substring_regex(given, r"(?i)^([+-]?)inf(inity)?$", r"\1inf")
    bare = pc.if_else(pc.match_substring_regex(bare, r"^[+-]?inf$"), bare, _bare(bare))
    if mark == ",":
        fits = pc.match_substring_regex(bare, _WITH_COMMA)
        plain = pc.replace_substring(pc.replace_substring(bare, ".", ""), ",", ".")
    else:
        fits = pc.match_substring_regex(bare, _WITH_POINT)
        plain = pc.replace_substring(bare, ",", "")
    plain = pc.if_else(fits, plain, bare)
    ok = pc.match_substring_regex(plain, rf"{_PLAIN}|^[+-]?inf$")
    numbers = (
        pc.cast(pc.if_else(ok, plain, None), pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    )
    bad = ~ok.to_numpy(zero_copy_only=False) & (pc.utf8_length(given).to_numpy(zero_copy_only=False) > 0)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return numbers[codes], bad[codes]


def parse_flags(column: Column) -> tuple[Float, Bool]:
    """Yes and no as 1 and 0 (n,), NaN where nothing is written, and a mask (n,) of what is neither."""
    coded = pc.dictionary_encode(as_text(column))
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    words: Sequence[str] = [str(word).casefold() for word in coded.dictionary.to_pylist()]
    null = np.array([word in NULLS for word in words], dtype=bool)
    values = np.array([_FLAGS.get(word, np.nan) for word in words], dtype=np.float64)
    values[null] = np.nan
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return values[codes], (np.isnan(values) & ~null)[codes]
