"""The static checks of the deployment, as `make deploy-check` runs them, pass on this tree."""

from __future__ import annotations

import pytest

from tests.deploy.tools import deploy_environment
from tools.deploy import check
from tools.deploy.outcome import BIN

pytestmark = pytest.mark.rehearsal


@pytest.mark.parametrize("part", check.PARTS)
def test_every_static_check_passes(part: str) -> None:
    """No part has a failure; its output is the test's message."""
    assert deploy_environment() == BIN
    assert [outcome for outcome in check.PARTS[part]() if outcome.result == "failed"] == []
