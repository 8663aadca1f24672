"""Secret keys that people keep in files: 32 bytes as 64 hexadecimal digits."""

from __future__ import annotations

from pathlib import Path

from storecast.errors import SetupError

__all__ = ["read_hex_key"]

_DIGITS = 64


def read_hex_key(path: str, what: str, remedy: str) -> bytes | None:
    """The key in the file ``path``, None without a path; raises ``SetupError`` for a file that holds none.

    ``what``: which key, ``remedy``: what else to do, both for the message, which never shows the content.
    """
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace").strip()
        key = bytes.fromhex(text) if len(text) == _DIGITS else b""
    except OSError as error:
        raise _none(path, what, remedy, error.strerror or str(error)) from error
    except ValueError:
        key = b""
    if not key:
        raise _none(path, what, remedy, "something else")
    return key


def _none(path: str, what: str, remedy: str, found: str) -> SetupError:
    return SetupError(
        f"{what} cannot be read",
        where=path,
        expected=f"a file of {_DIGITS} hexadecimal digits",
        found=found,
        remedy=f"put it there, or make one with `openssl rand -hex 32`; {remedy}",
    )
