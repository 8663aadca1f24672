"""What can go wrong between the app and the service, in words for the person in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import httpx
import msgspec

from storecast.errors import StorecastError

__all__ = ["Kind", "Trouble", "WrongField", "from_problem", "from_transport", "odd"]

Kind = Literal["down", "slow", "busy", "key", "role", "missing", "conflict", "large", "refused", "odd"]
_PASSING = ("down", "slow", "busy")  # what ends by itself, so that waiting is the remedy


class WrongField(msgspec.Struct):
    """One thing that the service found wrong: the ``field``, and the ``row`` where there are rows."""

    field: str
    detail: str
    row: int | None = None


class _Problem(msgspec.Struct):
    """A problem document (RFC 9457)."""

    title: str = ""
    detail: str = ""
    remedy: str = ""
    errors: list[WrongField] = []
    instance: str = ""


class Trouble(StorecastError):  # noqa: N818 - what it is for the person who meets it
    """The service could not be asked, or refused. ``kind`` says which; ``wrong`` names fields and rows;
    ``instance`` is what an operator finds the request by."""

    def __init__(
        self,
        kind: Kind,
        what: str,
        *,
        detail: str = "",
        remedy: str = "",
        wrong: Sequence[WrongField] = (),
        instance: str = "",
    ) -> None:
        super().__init__(what, found=detail, remedy=remedy)
        self.kind, self.detail, self.wrong, self.instance = kind, detail, tuple(wrong), instance

    @property
    def passing(self) -> bool:
        """Whether it may be over by itself in a while."""
        return self.kind in _PASSING


@dataclass(frozen=True)
class _Words:
    kind: Kind
    title: str
    remedy: str


_BY_STATUS = {
    401: _Words("key", "Your key is not accepted", "Sign in with a valid key."),
    403: _Words("role", "Your key may not do this", "Ask for a key of a higher role."),
    404: _Words("missing", "This is not there any more", "Go back to the list and choose again."),
    409: _Words("conflict", "Somebody changed this meanwhile", "Reload the page and try again."),
    413: _Words("large", "That is too much at one time", "Send or choose less at a time."),
    429: _Words("busy", "You ask faster than your key may", "Wait a moment."),
    503: _Words("busy", "The forecast service is not ready just now", "It is tried again by itself."),
    504: _Words("slow", "The forecast service takes too long", "It is tried again by itself."),
}
_REFUSED = _Words("refused", "The service refused this", "Correct what is named and try again.")
_ODD = _Words(
    "odd", "Something went wrong in the forecast service", "Try again; if it comes back, report it."
)


def from_transport(error: httpx.TransportError) -> Trouble:
    """The trouble that no answer came."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return Trouble(
            "slow",
            "The forecast service takes too long to answer",
            detail="It is there, but very busy, or the way to it is slow.",
            remedy="The page tries again by itself; nothing you entered is lost.",
        )
    return Trouble(
        "down",
        "The forecast service cannot be reached",
        detail="It may be starting or being replaced just now.",
        remedy="The page comes back by itself as soon as the service does; nothing you entered is lost.",
    )


def from_problem(response: httpx.Response) -> Trouble:
    """The trouble that the service's refusal is; its own words are kept where it gave any."""
    words = _BY_STATUS.get(response.status_code, _ODD if response.status_code >= 500 else _REFUSED)
    try:
        said = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        said = _Problem()  # a proxy in between answers in HTML
    own = words.kind in ("key", "role")  # the service's remedy is for programs there
    title = words.title if own or not said.title else said.title
    remedy = words.remedy if own or not said.remedy else said.remedy
    instance = said.instance.rpartition(":")[2]
    return Trouble(words.kind, title, detail=said.detail, remedy=remedy, wrong=said.errors, instance=instance)


def odd(path: str, error: Exception) -> Trouble:
    """The trouble that an answer is not of the shape this app knows."""
    return Trouble(
        "odd",
        "The service's answer is not understood",
        detail=f"{path}: {str(error)[:200]}",
        remedy="App and service are perhaps of different versions: update both to the same one.",
    )
