"""Logged answers for those who may see them: read back, and made again from the version that gave them."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from starlette.requests import Request

from storecast.ports import Entry, ReleaseInfo
from storecast.service.calls import call_of
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.problems import Problem
from storecast.service.readback import UNREADABLE, in_words
from storecast.service.reproduction import Reproduction, reproduce, version_faults

__all__ = ["Remaker", "answer_of", "data_digest"]

_MOST_ROWS = 100_000  # more take seconds that other callers would wait


def answer_of(service: Service, request: Request, key: str) -> Entry:
    """The answer of this id, with its rows; of others' answers operators alone see any.

    Raises a 404 problem where there is none for this caller, LogError where the database is away.
    """
    call, entry = call_of(request), service.tables.answers.find(key)
    if entry is None or (call.role != "operator" and entry.caller != call.caller):
        raise Problem(
            404,
            "not-found",
            "There is no answer of this id for you",
            f"Found {key[:60]!r}.",
            "Check the id. Answers are kept for a time; those that others asked for are shown to operators.",
        )
    return entry


def data_digest(service: Service, entry: Entry) -> str | None:
    """The digest of the data that the version was made from, where it is known here."""
    champion = service.holder.champion
    if champion is not None and champion.info.digest == entry.digest:
        return str(champion.facts.get("data_digest", "")) or None
    tags = next((v.tags for v in service.holder.registered() if v.digest == entry.digest), {})
    return tags.get("data_digest")


class Remaker:
    """Makes answers again, one at a time: it computes what answers of other callers would wait for."""

    def __init__(self, service: Service) -> None:
        self._service, self._lock = service, Lock()

    def remade(self, entry: Entry) -> Reproduction:
        """What ``reproduce`` says of it. Called in a thread.

        Raises problems where its version does not lie in the release folder, where it is too long for here,
        and where another one takes its time; RequestError for a kind that cannot be made again.
        """
        if entry.rows > _MOST_ROWS:
            raise Problem(
                422,
                "too-many-rows",
                "This answer is too long to be made again while others are served",
                f"It has {entry.rows:,} rows; {_MOST_ROWS:,} at most are compared here.",
                f"Run `storecast reproduce {entry.id}`.",
            )
        if not self._lock.acquire(blocking=False):  # who waits here keeps a thread from other routes
            raise Problem(
                503,
                "busy",
                "Other answers are being made again just now",
                remedy="Ask again in some seconds.",
                headers={"retry-after": "5"},
            )
        try:
            made = reproduce(self._version(entry), entry)
        finally:
            self._lock.release()
        faults = version_faults(entry, self._service.holder.registered() if self._ours(entry) else ())
        return replace(made, faults=(*faults, *made.faults))

    def _ours(self, entry: Entry) -> bool:
        return entry.model == self._service.config.name

    def _version(self, entry: Entry) -> Champion:
        """The version with the digest of the entry, without overrides."""
        serving = self._service.holder.serving()
        if serving.info.digest == entry.digest:
            return serving
        trial = self._service.trials.challenger
        if trial is not None and trial.version.info.digest == entry.digest:
            return trial.version
        content = self._service.holder.earlier(entry.version, entry.digest) if self._ours(entry) else None
        if content is None:
            raise _gone(entry, "It is in the release folder no more, or is not trusted any more.")
        info = ReleaseInfo(entry.model, entry.version, entry.digest, "", "", "", "", "")
        try:
            return Champion.from_content(info, content)
        except UNREADABLE as error:
            raise _gone(entry, f"This service cannot read it ({in_words(error)}).") from error


def _gone(entry: Entry, why: str) -> Problem:
    return Problem(
        404,
        "not-kept",
        f"Version {entry.version} of {entry.model}, which gave this answer, cannot be asked here",
        why,
        f"Run `storecast reproduce {entry.id}`, which looks for it in the registry too.",
    )
