"""Several compose files as one, by the rules of the Compose specification as far as ours need them.

https://github.com/compose-spec/compose-spec/blob/main/13-merge.md: mappings are merged key by key, sequences
joined, networks and dependencies named in a list are mappings without content, ``!override`` replaces what
was there and ``!reset`` removes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["merged"]

_MAPPINGS = ("networks", "depends_on")  # of a service: may be lists of names


class _Tagged:
    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Keeps the two tags for the merge."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> _Tagged:
    if suffix not in ("override", "reset"):
        raise yaml.YAMLError(f"unknown tag !{suffix}")
    if isinstance(node, yaml.MappingNode):
        return _Tagged(suffix, loader.construct_mapping(node, deep=True))
    assert isinstance(node, yaml.SequenceNode)
    return _Tagged(suffix, loader.construct_sequence(node, deep=True))


yaml.add_multi_constructor("!", _tagged, Loader=_Loader)


def _merge(before: Any, after: Any, key: str = "") -> Any:
    if key in _MAPPINGS and isinstance(before, list) != isinstance(after, list):
        before, after = (
            {n: {} for n in part} if isinstance(part, list) else part for part in (before, after)
        )
    if isinstance(before, dict) and isinstance(after, dict):
        out = dict(before)
        for name, value in after.items():
            if isinstance(value, _Tagged):
                out.pop(name, None)
                if value.tag == "override":
                    out[name] = value.value
            else:
                out[name] = _merge(before[name], value, name) if name in before else value
        return out
    if isinstance(before, list) and isinstance(after, list):
        return [*before, *(value for value in after if value not in before)]
    return after


def merged(text: str, *paths: Path) -> dict[str, Any]:
    """What compose makes of the first file's ``text`` and the further files at ``paths``."""
    found: dict[str, Any] = yaml.safe_load(text)
    for path in paths:
        # a safe loader, whose two tags keep what they hold
        found = _merge(found, yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader))
    return found
