"""Fixtures: a service of one's own, where it listens, and a client of it that keeps state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from client_support import Reports, Service, serving
from jingxi_client import Alarm, Client


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def target(service: Service, reports: Reports) -> Iterator[str]:
    with serving(service, reports.add_to) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def alarms() -> list[Alarm]:
    return []


@pytest.fixture
def client(target: str, tmp_path: Path, alarms: list[Alarm]) -> Iterator[Client]:
    with Client(target, deadline=30, state=tmp_path / "state", alarm=alarms.append) as made:
        yield made
