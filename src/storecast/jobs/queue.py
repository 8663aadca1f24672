"""Work off jobs of the queue: claimed for a while, kept by a word now and then, ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from storecast.errors import LogError, StorecastError
from storecast.ports.work import Job, Jobs

__all__ = ["Tell", "Word", "work_off"]

Tell = Callable[[str, dict[str, object]], None]
_LEASE = 30.0  # seconds without a word after which a worker counts as dead
_TELL = 1.0  # seconds between words about progress
_PROBLEM = ("what", "where", "expected", "found", "remedy")


class _LostError(Exception):
    """Another worker has the job: this one was silent for too long."""


class Word:
    """Tells how far a job is and keeps its lease, from a thread of its own: a fit may be silent for long."""

    def __init__(self, jobs: Jobs, job: Job, worker: str) -> None:
        self._jobs, self._job, self._worker = jobs, job, worker
        self._now = (0.0, "read")
        self._end = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._speak, name="dataset-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def say(self, share: float, stage: str) -> None:
        """How much is done, 0 to 1, and what is being done; raises where the job was lost."""
        self._now = (share, stage)
        if self._lost:
            raise _LostError(self._job.id)

    def _speak(self) -> None:
        silent, told = 0.0, None
        while not self._end.is_set() and not self._lost:
            now = self._now
            if now != told or silent >= _LEASE / 3:
                with suppress(LogError):  # the database is away: said again, or the lease runs out
                    share, stage = now
                    self._lost = not self._jobs.progress(
                        self._job.id, self._worker, share, stage, lease=_LEASE
                    )
                    told, silent = now, 0.0
            self._end.wait(_TELL)
            silent += _TELL


def work_off(
    jobs: Jobs, kind: str, worker: str, run: Callable[[Job, Word], dict[str, Any]], tell: Tell
) -> bool:
    """Claim the oldest job of ``kind`` for ``worker`` and ``run`` it; False where none waits.

    What ``run`` returns is the job's result. Where it refuses, the job has failed with its reasons; an
    accident, or the end of the process, puts it back for another attempt. Raises ``LogError`` where the
    database is away. ``tell(event, detail)`` hears what happened.
    """
    job = jobs.claim(worker, lease=_LEASE, kinds=[kind])
    if job is None:
        return False
    error = "the worker ended before its work did"
    ended = False
    about: dict[str, object] = {"job": job.id, "subject": job.subject}
    try:
        with Word(jobs, job, worker) as word:
            result = run(job, word)
        ended = jobs.done(job.id, worker, json.dumps(result, allow_nan=False))
        tell(f"{kind} done", about)
    except _LostError:
        ended = True
    except LogError as lost:
        error = lost.what
        raise
    except StorecastError as refused:
        problem = {name: getattr(refused, name) for name in _PROBLEM}
        ended = jobs.fail(job.id, worker, json.dumps(problem))
        tell(f"{kind} refused", {**about, "error": refused.what})
    except Exception as accident:
        error = f"{type(accident).__name__}: {accident}"
        raise
    finally:
        if not ended:
            with suppress(LogError):
                jobs.fail(job.id, worker, json.dumps({"what": error}), again=True)
    return True
