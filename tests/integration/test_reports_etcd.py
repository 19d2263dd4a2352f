"""Clients' reports with marks in etcd."""

from __future__ import annotations

import uuid

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.kv.etcd import EtcdStore
from tests.integration.etcd import Etcd, etcd
from tests.integration.kv_steps import Opener, opener
from tests.integration.reports_contract import ReportsContract

__all__ = ["etcd"]


class TestReportsInEtcd(ReportsContract):
    examples = 15

    @pytest.fixture
    def open_store(self, etcd: Etcd) -> Opener:
        namespace = f"/{uuid.uuid4().hex}/"
        return opener(lambda: EtcdStore(etcd.urls, namespace=namespace))
