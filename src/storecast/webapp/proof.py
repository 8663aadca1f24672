"""The id under which an answer is logged, and whether it comes out the same when it is made again."""

from __future__ import annotations

import streamlit as st
from msgspec import Struct

from storecast.webapp.answers import Model
from storecast.webapp.client import Client
from storecast.webapp.frame import tell
from storecast.webapp.trouble import Trouble

__all__ = ["Remade", "made_again", "show_record"]


class _Difference(Struct):
    unique_id: str
    ds: str
    column: str


class Remade(Struct):
    """An answer beside what its version says now: ``different`` of its ``numbers`` are others."""

    equal: bool
    numbers: int
    different: int
    differences: list[_Difference]
    faults: list[str]


def made_again(client: Client, key: str) -> Remade:
    """The answer with this id, made again; raises Trouble."""
    path = f"/v1/forecasts/{key}/reproduction"
    return client.read(Remade, path, client.ask("POST", path, again=True))


def show_record(client: Client, key: str, model: Model) -> None:
    """Folded away: the id of what is shown, what made it, and a button that makes it again."""
    with st.expander("How these numbers are on record", icon=":material/receipt_long:"):
        st.markdown(
            f"They are logged as `{key}`, given by version {model.version} of {model.name} "
            f"(digest `{model.digest[:12]}`). Whoever doubts a number has it made again."
        )
        if st.button("Make them again", icon=":material/replay:"):
            try:
                _say(made_again(client, key))
            except Trouble as trouble:
                tell(trouble)


def _say(made: Remade) -> None:
    if made.equal:
        st.success(f"Made again: equal. All {made.numbers:,} numbers are the same, to the last digit.")
        return
    where = "; ".join(f"{d.unique_id}, {d.ds}" for d in made.differences[:3])
    told = [f"{made.different:,} of {made.numbers:,} numbers are others" + (f" ({where})" if where else "")]
    st.error(f"Made again: not equal. {'. '.join([*told, *made.faults])}.")
