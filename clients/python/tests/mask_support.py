"""Messages of a customer and what a test's service answers about them."""

from __future__ import annotations

from typing import Any

import jingxi_client
from client_support import Service, reply_of
from jingxi_client import (
    Client,
    Subject,
)
from jingxi_client._gen.pdp.v1 import bundle_pb2

TELLER = Subject("T1001", ["teller"], {"level": 2})
PATIENT = 30.0
"""Seconds that a test on a busy machine may take for a call that is not about time."""

KEEP = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
FULL: dict[str, Any] = {"algorithm": "full", "parameters": {}}


def customer_map(*fields: str) -> bundle_pb2.MessageMap:
    """Return a map of `$.<field>` for each field, and of accounts with a number and a balance."""
    source = bundle_pb2.MessageMap(application="core-counter", name="customer")
    own = source.parts.add(path="$", resource_type="customer", resource_id="$.no")
    for field in fields:
        own.fields.add(field=field, paths=[f"$.{field}"])
    own.attributes.add(attribute="resource.customer_class", path="$.class")
    return source


def with_accounts(source: bundle_pb2.MessageMap) -> bundle_pb2.MessageMap:
    part = source.parts.add(name="accounts", path="$.accounts", resource_type="account", resource_id="$.no")
    part.fields.add(field="account_no", paths=["$.no"])
    part.attributes.add(attribute="resource.balance", path="$.balance")
    return source


def prepared(service: Service, source: bundle_pb2.MessageMap) -> Service:
    service.put_map(source)
    service.types = {
        "resource.customer_class": bundle_pb2.ATTRIBUTE_TYPE_STRING,
        "resource.balance": bundle_pb2.ATTRIBUTE_TYPE_DOUBLE,
    }
    service.answer = lambda item: reply_of(
        {f: KEEP for p in source.parts if p.name == item.message.part for f in _ids(p)}
    )
    return service


def _ids(part: bundle_pb2.MessagePart) -> list[str]:
    return [field.field for field in part.fields]


def mask(client: Client, message: Any, **more: Any) -> jingxi_client.Masked:
    return client.mask(message, application="core-counter", name="customer", subject=TELLER, **more)
