"""The floor: a FastAPI route that does nothing, under the server that ours runs under."""

from __future__ import annotations

from fastapi import FastAPI

__all__ = ["app"]

app = FastAPI()


@app.get("/")
async def nothing() -> dict[str, bool]:
    """As little as a route can do."""
    return {"ok": True}
