"""Texts that a spreadsheet would take for formulas, made plain ones: in whatever file they leave by."""

from __future__ import annotations

__all__ = ["neutral"]

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def neutral(text: str) -> str:
    """A text that no spreadsheet evaluates: a leading sign of a formula gets an apostrophe before it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text
