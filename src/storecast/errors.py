"""Every error a user can meet.

    StorecastError
    ├── DataError       the sales data or an events file was refused
    ├── RequestError    the request itself cannot be met (horizon, series, level, cutoff)
    ├── ArtifactError   a model folder is damaged, tampered with or of an unknown schema
    │   └── UntrustedError  nobody who is trusted has signed it, or it was revoked
    ├── RegistryError   the model registry refused or cannot be reached
    ├── LogError        the forecast log's database or spool cannot be written or read just now
    ├── BackupError     a backup cannot be written or read, is damaged, or of another key
    ├── ConflictError   what was to be changed has changed meanwhile, or exists already
    └── SetupError      something the machine must bring is missing

A message says what, where, what was expected, what was found, and the remedy.
"""

from __future__ import annotations

__all__ = [
    "ArtifactError",
    "BackupError",
    "ConflictError",
    "DataError",
    "LogError",
    "RegistryError",
    "RequestError",
    "SetupError",
    "StorecastError",
    "UntrustedError",
]


class StorecastError(Exception):
    """Base of all refusals; the command line prints it without a traceback and exits with 1.

    Parameters: ``what`` went wrong (one sentence), ``where`` (file, row, column, series), what was
    ``expected`` and ``found``, and the ``remedy`` (one sentence that says what to do).
    """

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", found: str = "", remedy: str = ""
    ) -> None:
        self.what, self.where, self.expected, self.found, self.remedy = what, where, expected, found, remedy
        super().__init__(self.message())

    def message(self) -> str:
        """The error as lines a person can act on; empty parts are left out."""
        parts = {name: getattr(self, name) for name in ("where", "expected", "found", "remedy")}
        return "\n".join([self.what] + [f"  {name}: {text}" for name, text in parts.items() if text])


class DataError(StorecastError):
    """The sales data or an events file was refused; nothing was changed."""


class RequestError(StorecastError):
    """The request cannot be met: a horizon, series, level or cutoff out of range."""


class ArtifactError(StorecastError):
    """A model folder is damaged, tampered with, or of a schema this version does not know."""


class UntrustedError(ArtifactError):
    """A model folder is not signed by anybody who is trusted here, or was revoked; nothing of it was read."""


class RegistryError(StorecastError):
    """The model registry refused the change or cannot be reached."""


class LogError(StorecastError):
    """The forecast log's database or spool cannot be written or read just now; nothing was acknowledged."""


class BackupError(StorecastError):
    """A backup cannot be written or read, is damaged, or was encrypted with another key."""


class ConflictError(StorecastError):
    """What was to be changed has been changed by somebody else meanwhile, or exists already."""


class SetupError(StorecastError):
    """Something that the machine must bring is missing."""
