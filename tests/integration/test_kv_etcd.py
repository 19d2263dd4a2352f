"""The key-value store in etcd: the contract, and what is its own."""

from __future__ import annotations

import uuid

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.kv.etcd import EtcdStore
from tests.integration.etcd import Etcd
from tests.integration.etcd import etcd as etcd
from tests.integration.kv_contract import KeyValueContract, Opener, opener


@pytest.fixture
def namespace() -> str:
    return f"/{uuid.uuid4().hex}/"


class TestEtcdStore(KeyValueContract):
    @pytest.fixture
    def open_store(self, etcd: Etcd, namespace: str) -> Opener:
        return opener(lambda: EtcdStore(etcd.urls, namespace=namespace))

    @pytest.fixture
    def place(self, etcd: Etcd, namespace: str) -> list[str]:
        return ["etcd", ",".join(etcd.urls), namespace]
