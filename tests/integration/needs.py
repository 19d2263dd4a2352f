"""What to do without a program that tests talk to: skip, with the reason in sight, but never where they must run."""

from __future__ import annotations

import os
import pwd
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End the test: something is not on this machine."""
    reason = f"needs {what}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def as_user(user: pwd.struct_passwd) -> list[str]:
    """Return what to put before a command so that it runs as another user.

    `subprocess` could do it too, but only by `fork`, and between it and the program grpc's threads are gone, which has
    crashed the child.
    """
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
