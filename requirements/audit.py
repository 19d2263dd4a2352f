"""Looks for known weaknesses in what is pinned: `make audit`, or `python requirements/audit.py FILE…`.

The advisories are asked for over the network. Where they cannot be had this says so and ends with 0, and with 1 where
`CI` is set: there nobody reads what was skipped. It ends with 1 when something is known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def ask(path: str) -> tuple[list[Any], str]:
    """Return what is told of a file's packages, and why there is nothing."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--require-hashes", "--requirement", path], capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()
        return [], last[-1] if last else f"pip-audit ended with {done.returncode}"
    unknown = [package for package in found if "skip_reason" in package]
    if found and len(unknown) == len(found):
        return [], str(unknown[0]["skip_reason"])
    return found, ""


def main(paths: Sequence[str]) -> int:
    """Tell what is known of the packages in these files and return the exit code."""
    known = missing = 0
    for path in paths:
        found, why = ask(path)
        if why:
            print(f"{path}: skipped, the advisories cannot be had here: {why}")
            missing += 1
            continue
        for package in found:
            if "skip_reason" in package:
                print(f"{path}: {package['name']}: not looked at: {package['skip_reason']}")
                missing += 1
            for advisory in package.get("vulns", ()):
                fixed = ", ".join(advisory.get("fix_versions", ())) or "no version yet"
                print(f"{path}: {package['name']} {package['version']}: {advisory['id']}, mended in {fixed}")
                known += 1
        print(f"{path}: {len(found)} packages looked at")
    return 1 if known or (missing and os.environ.get("CI")) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
