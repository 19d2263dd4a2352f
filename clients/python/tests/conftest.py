"""Fixtures: a service of one's own, and where it listens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client_support import Service, serving


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def target(service: Service) -> Iterator[str]:
    with serving(service) as port:
        yield f"127.0.0.1:{port}"
