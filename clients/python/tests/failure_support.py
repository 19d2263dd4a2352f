"""What the tests of the failure rule share: a message, its map, the rule, and a service that follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from client_support import Service, abort, value_of
from jingxi_client import Alarm, AlarmKind, Client, Masked, Subject
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api

TELLER = Subject("T1001", ["teller"], {"level": 2})
LATER = 2**62
MESSAGE = {
    "no": "C2001", "name": "张三", "mobile": "13812348000", "pin": "314159", "note": "n",
    "accounts": [{"no": "100200300400"}, {"no": "100200300401"}],
}  # fmt: skip
SHOWN = {
    "no": "C2001", "name": "张三", "mobile": "138****8000", "pin": "***", "note": "n",
    "accounts": [{"no": "********0400"}, {"no": "********0401"}],
}  # fmt: skip
HIDDEN = {**SHOWN, "name": "***"}


def add_rule(service: Service, pass_until: int = LATER, events: int = 0, seconds: int = 0) -> None:
    """Let `name` pass, `mobile` and `account_no` be masked, and say nothing about `pin`."""
    rule = api.GetMessageMapResponse(pass_until_nanos=pass_until, alarm_events=events, alarm_seconds=seconds)
    for name, passes, parameters in (
        ("account_no", False, {"suffix": 4}),
        ("mobile", False, {"prefix": 3, "suffix": 4}),
        ("name", True, None),
    ):
        fallback = rule.fallbacks.add(field=name, level="C2", **{"pass": passes})
        fallback.mask.algorithm = "full" if parameters is None else "keep"
        for key, value in (parameters or {}).items():
            fallback.mask.parameters[key].CopyFrom(value_of(value))
    service.failure_rule = rule


def ruled_service() -> Service:
    """Return a service with a message map and the failure rule."""
    made = Service()
    source = bundle_pb2.MessageMap(application="core-counter", name="customer")
    own = source.parts.add(path="$", resource_type="customer", resource_id="$.no")
    for field in ("name", "mobile", "pin"):
        own.fields.add(field=field, paths=[f"$.{field}"])
    part = source.parts.add(name="accounts", path="$.accounts", resource_type="account", resource_id="$.no")
    part.fields.add(field="account_no", paths=["$.no"])
    made.put_map(source)
    add_rule(made)
    return made


def mask(client: Client, message: Any = MESSAGE, **more: Any) -> Masked:
    return client.mask(message, application="core-counter", name="customer", subject=TELLER, **more)


def failing(code: str, reason: str = "") -> Callable[[str, Any, grpc.ServicerContext], None]:
    def before(name: str, _: Any, context: grpc.ServicerContext) -> None:
        if name != "GetMessageMap":
            abort(context, grpc.StatusCode[code], "says why", reason)

    return before


def kinds(alarms: list[Alarm]) -> list[AlarmKind]:
    return [alarm.kind for alarm in alarms]
