"""What a machine that runs no containers is told apart by: the kernel's refusal skips, all else fails."""

from __future__ import annotations

import subprocess

import pytest

from tests.deploy.podman import _unless_refused


def _ended(status: int, said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(["podman"], status, "", said)


@pytest.mark.parametrize(
    "said",
    [
        "unshare: unshare failed: Operation not permitted",
        "Error: 'overlay' is not supported over overlayfs, a mount_program is required",
        "crun: mount `proc` to `proc`: Operation not permitted: OCI permission denied",
    ],
)
def test_a_kernel_that_refuses_is_a_skip_with_its_own_words(said: str) -> None:
    """Nothing that could be installed would help."""
    with pytest.raises(pytest.skip.Exception) as skipped:
        _unless_refused("a container", _ended(125, said))
    assert said in str(skipped.value)
    assert "a container" in str(skipped.value)


def test_any_other_error_is_a_failure() -> None:
    """A broken engine, or settings of ours that it does not take, are not passed over."""
    with pytest.raises(pytest.fail.Exception, match="netavark"):
        _unless_refused("a container", _ended(126, "Error: could not find netavark"))
    _unless_refused("a container", _ended(0, ""))
