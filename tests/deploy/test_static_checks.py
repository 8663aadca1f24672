"""The static checks of the deployment, as `make deploy-check` runs them, pass on this tree."""

from __future__ import annotations

import pytest

from tests.deploy.tools import deploy_environment
from tools.deploy import check
from tools.deploy.outcome import BIN

pytestmark = pytest.mark.rehearsal


@pytest.mark.parametrize("part", check.PARTS)
def test_every_static_check_passes(part: str) -> None:
    """No part has a failure, whose output is the test's message; what was left out is told by a skip."""
    assert deploy_environment() == BIN
    outcomes = list(check.PARTS[part]())
    assert [outcome for outcome in outcomes if outcome.result == "failed"] == []
    if left := [f"{outcome.name}: {outcome.detail}" for outcome in outcomes if outcome.result == "skipped"]:
        pytest.skip("; ".join(left))
