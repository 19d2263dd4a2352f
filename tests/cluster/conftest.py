"""How much is done, and where."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.network import Network, lacking
from tests.integration.needs import missing

ROUNDS = int(os.environ.get("JINGXI_ROUNDS", "1"))
"""How often every fault comes."""
SEED = int(os.environ.get("JINGXI_SEED") or random.SystemRandom().randrange(1 << 32))
STORE_AWAY = float(os.environ.get("JINGXI_STORE_AWAY", "20"))
"""Seconds for which all etcd members are gone."""
ONLY = os.environ.get("JINGXI_ONLY", "")
"""A regular expression: only faults in whose names it is found; all when empty."""


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    reason = lacking()
    if reason:
        missing(reason)
    with Network() as made:
        yield made


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that PostgreSQL's user can come to and whose sockets have short paths; kept when a test fails."""
    made = Path(tempfile.mkdtemp(prefix="jingxi-cluster-"))
    made.chmod(0o755)
    before = request.session.testsfailed
    yield made
    if request.session.testsfailed == before:
        shutil.rmtree(made)
    else:
        print(f"\nwhat is left of it: {made}")
