"""What goes on beside the answers: each chore by itself, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from storecast.service.loop import repeated


def test_a_chore_that_hangs_or_fails_holds_up_no_other() -> None:
    """However many wait for a database that does not answer, the rest have their turns; the end does not wait
    for them."""
    counted: Counter[str] = Counter()
    hung, go = threading.Semaphore(0), threading.Event()

    def hanging() -> Callable[[], None]:
        def hangs() -> None:
            hung.release()
            go.wait(60)

        return hangs

    def fails() -> None:
        counted["fails"] += 1
        raise ValueError("not today")

    def works() -> None:
        counted["works"] += 1
        if counted["works"] >= 3 and counted["fails"] >= 3:
            done.set()

    done = threading.Event()
    # More than asyncio has threads for on a machine of few processors.
    chores = {hanging(): 0.001 for _ in range(40)} | {fails: 0.001, works: 0.001}
    with repeated(chores):
        for _ in range(40):
            assert hung.acquire(timeout=20)
        assert done.wait(20)
    assert not go.is_set()
    ended = counted["works"]
    go.set()
    assert counted["works"] == ended
