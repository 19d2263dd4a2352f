"""Confirming rights in etcd."""

from __future__ import annotations

import uuid

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.kv.etcd import EtcdStore
from tests.integration.confirming_contract import ConfirmingContract
from tests.integration.etcd import Etcd, etcd
from tests.integration.kv_steps import Opener, opener

__all__ = ["etcd"]


class TestConfirmingInEtcd(ConfirmingContract):
    @pytest.fixture
    def open_store(self, etcd: Etcd) -> Opener:
        namespace = f"/{uuid.uuid4().hex}/"
        return opener(lambda: EtcdStore(etcd.urls, namespace=namespace))
