"""LightGBM's own library without its Python package: the same trees, the same bits, a tenth of the memory."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import SetupError

__all__ = ["Trees"]

Float = NDArray[np.float64]
_FLOAT64, _NORMAL, _ROW_MAJOR, _ALL = 1, 0, 1, -1
_PARAMETERS = b"num_threads=1"  # more of them cost a single row milliseconds


@cache
def _library() -> ctypes.CDLL:
    """The shared library that the package brings; the package itself is not imported."""
    spec = importlib.util.find_spec("lightgbm")
    name = {"darwin": "lib_lightgbm.dylib", "win32": "lib_lightgbm.dll"}.get(sys.platform, "lib_lightgbm.so")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    for path in (folder / "lib" / name, folder / name):
        if path.is_file():
            library = ctypes.CDLL(str(path))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            return library
    raise SetupError(
        "LightGBM's library is not installed",
        where=str(folder),
        expected=name,
        remedy="install the packages of requirements.lock",
    )


@cache
def _single_row() -> Any:
    """The library's call for one row, which keeps Python's lock: it takes microseconds, and to get the lock
    back from the thread that writes the log takes more."""
    single = ctypes.PyDLL(_library()._name).LGBM_BoosterPredictForMatSingleRowFast
    single.argtypes = [ctypes.c_void_p] * 4
    return single


def _check(library: ctypes.CDLL, code: int) -> None:
    if code != 0:
        raise SetupError(
            "LightGBM refused these trees",
            found=library.LGBM_GetLastError().decode(errors="replace")[:300],
            remedy="install the version of requirements.lock",
        )


class Trees:
    """The trees of a LightGBM model text; calls may come from any thread."""

    def __init__(self, model: str, columns: int) -> None:
        self._library, self._columns = _library(), columns
        self._handle, number = ctypes.c_void_p(), ctypes.c_int()
        self._call(
            "LGBM_BoosterLoadModelFromString",
            ctypes.c_char_p(model.encode()),
            ctypes.byref(number),
            ctypes.byref(self._handle),
        )
        self._fast = ctypes.c_void_p()
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(_ALL),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(columns),
            ctypes.c_char_p(_PARAMETERS),
            ctypes.byref(self._fast),
        )
        self._single = _single_row()

    def _call(self, name: str, *arguments: Any) -> None:
        _check(self._library, getattr(self._library, name)(*arguments))

    def one(self, x: Float) -> float:
        """The prediction for one row (F,) of doubles that lie side by side."""
        found, length = ctypes.c_double(), ctypes.c_int64()
        _check(
            self._library,
            self._single(self._fast, x.ctypes.data, ctypes.byref(length), ctypes.byref(found)),
        )
        return found.value

    def evaluate(self, x: Float) -> Float:
        """(R,) predictions for ``x`` (R, F), as ``forecasting.direct`` has them, bit for bit."""
        x = np.ascontiguousarray(x, dtype=np.float64)
        if len(x) == 1:
            return np.array([self.one(x[0])])
        out, length = np.empty(len(x)), ctypes.c_int64()
        self._call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            x.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(len(x)),
            ctypes.c_int32(self._columns),
            ctypes.c_int(_ROW_MAJOR),
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(_ALL),
            ctypes.c_char_p(_PARAMETERS),
            ctypes.byref(length),
            out.ctypes.data_as(ctypes.c_void_p),
        )
        return out

    def __del__(self) -> None:
        if getattr(self, "_fast", None):
            self._library.LGBM_FastConfigFree(self._fast)
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)
