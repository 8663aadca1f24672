"""Who may ask: API keys, their roles, how often; and, without keys, callers of this machine alone."""

from __future__ import annotations

from starlette.types import Scope

from storecast.service.problems import Problem

__all__ = ["LocalOnly"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


class LocalOnly:
    """Everybody on this machine is an operator: for a service that listens on a loopback address alone.

    The Host header must name this machine, so that a page of another site cannot reach it through a name of
    its own (DNS rebinding).
    """

    async def admit(self, scope: Scope) -> tuple[str, str]:
        """``local`` and its role; raises 421 for another host's name."""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1").lower()
                bare = host if host.endswith("]") or ":" not in host else host.rpartition(":")[0]
                if bare not in _LOOPBACK:
                    raise Problem(
                        421,
                        "unknown-host",
                        "This service answers to its own machine alone",
                        f"Found host {host[:80]!r}.",
                        "Call it by localhost, or issue a key and serve with it.",
                    )
                break
        return "local", "operator"
