"""Every static check of the deployment, one line each: ``python -m tools.deploy.check [PART ...]``.

Parts: terraform, policies, kubernetes, jenkins; none named means all. Ends with 1 if any failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from tools.deploy import jenkins, kubernetes, policies, terraform
from tools.deploy.outcome import Outcome

__all__ = ["PARTS", "main"]

PARTS: dict[str, Callable[[], Iterator[Outcome]]] = {
    "terraform": terraform.checks,
    "policies": policies.checks,
    "kubernetes": kubernetes.checks,
    "jenkins": jenkins.checks,
}


def main(arguments: list[str]) -> int:
    """Run the parts named, or all; 0 if nothing failed, 1 if something did, 2 for wrong usage."""
    if unknown := [name for name in arguments if name not in PARTS]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in arguments or PARTS:
        for outcome in PARTS[name]():
            word = {"skipped": "SKIPPED:", "failed": "FAILED", "nothing": "nothing:"}.get(outcome.result, "")
            lines = outcome.detail if outcome.result == "failed" else f"{word} {outcome.detail}".strip()
            print(
                f"{outcome.name}: {'FAILED' if outcome.result == 'failed' else lines or 'passed'}", flush=True
            )
            if outcome.result == "failed":
                print("\n".join(f"  | {line}" for line in lines.splitlines()), flush=True)
                failed += 1
    print(f"{failed} failed" if failed else "deployment: every check passed that could be run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
