"""The Python client's figures, as benchmarks/clients.py wants them.

CPU time, which a busy machine disturbs least. The client is told nothing twice: of a message only the teller's side is
the same each time, as it is for a teller who looks at many customers.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jingxi_client import Action, Client, Subject, masking, message_map
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2
from jingxi_client.decisions import Decision, Mask, Reason, Verdict
from jingxi_client.message_map import Caller
from jingxi_client.offline import OfflineClient

BUNDLES = Path(os.environ["JINGXI_VECTORS"]) / "bundles"
TELLER = Subject("T1001", ["teller"], {"level": 2, "branch": "320400001"})
TERMINAL = {"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}
ABOUT: dict[str, Any] = {
    "application": "core-counter", "name": "customer-detail", "subject": TELLER, "action": Action("query"),
    "context": TERMINAL,
}  # fmt: skip
# Rounds are short, so that some of them are not interrupted.
ROUNDS = 1_000
CALLS = 20


def main() -> None:
    tell("mask_40_fields", micros(masking_40()), "µs")
    customer = json.loads(
        (Path(os.environ["JINGXI_POLICIES"]) / "samples" / "core-counter.customer-detail.json").read_text()
    )
    # The twelve fields that a counter shows of a customer, without accounts and contacts.
    shown = ("no", "class", "name", "id_type", "id_no", "birth_date", "gender", "nationality", "mobile", "email",
             "address", "total_assets")  # fmt: skip
    facts = ("is_vip", "is_employee", "flags", "branch", "region", "manager_id", "marketing_consent")
    message = {"customer": {name: customer["customer"][name] for name in shown + facts}}
    with tempfile.TemporaryDirectory() as state:
        client = OfflineClient(file=BUNDLES / "bank.pb", trust=BUNDLES / "test.pub", state=state, record="async-all")
        with client:
            once = unrecorded(client, message)
            tell("offline_12_fields", micros(once), "µs")
            mean = mean_micros(once)
            tell("offline_12_fields_cpu", mean, "µs")
            tell("offline_messages_per_second", 1e6 / mean, "1/s")
            tell("offline_12_fields_recorded", micros(lambda: client.mask(message, **ABOUT)), "µs")
    with Client(os.environ["JINGXI_TARGET"], deadline=30) as online:
        online.wait_ready(30)
        waits = []
        for _ in range(300):
            began = time.perf_counter()
            online.mask(message, **ABOUT)
            waits.append((time.perf_counter() - began) * 1e3)
    tell("online_p50", statistics.median(waits), "ms")
    tell("online_p99", statistics.quantiles(waits, n=100)[98], "ms")


def masking_40() -> Callable[[], Any]:
    """Return the masking of 40 fields by verdicts that are known."""
    masks = (Mask("keep", {"prefix": 3, "suffix": 4}), Mask("name"), Mask("email"), Mask("full"))
    source = bundle_pb2.MessageMap(application="a", name="m")
    part = source.parts.add(path="$")
    for i in range(40):
        part.fields.add(field=f"f{i}", paths=[f"$.part{i % 4}.f{i}"])
    found = message_map.from_response(decision_service_pb2.GetMessageMapResponse(message_map=source))
    message: dict[str, Any] = {f"part{i}": {} for i in range(4)}
    for i in range(40):
        message[f"part{i % 4}"][f"f{i}"] = ("13812348000", "张三丰", "zhangsan@example.com", "secret")[i % 4]
    verdicts = tuple(Verdict(f"f{i}", masks[i % 4], Reason()) for i in range(40))
    decisions = [Decision("d", "r", 1, "h", verdicts, (), ())]
    maskers = masking.Maskers(lasting=True)

    def once() -> None:
        plan = message_map.plan(found, message, Caller(TELLER))
        masking.masked_copy(message, plan, decisions, maskers)

    return once


def unrecorded(client: OfflineClient, message: Any) -> Callable[[], Any]:
    """Return decision and masking without the record, and without writing the request that would be recorded."""
    engine = client._held.require()
    known = engine.map_of(ABOUT["application"], ABOUT["name"])
    maskers = masking.Maskers(lasting=True)

    def once() -> None:
        plan = message_map.plan(known, message, Caller(TELLER, ABOUT["action"], None, TERMINAL))
        question = plan.questions[0]
        answer = engine.decide_question(plan, question, b"", time.time_ns())
        masking.masked_copy(message, plan, [answer.decision], maskers)

    return once


def micros(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call in microseconds: the best of some rounds."""
    call()
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            call()
        rounds.append((time.thread_time() - began) / CALLS * 1e6)
    return min(rounds)


def mean_micros(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call in microseconds, of all threads and with all that is done now and then."""
    began = time.process_time()
    for _ in range(ROUNDS * CALLS):
        call()
    return (time.process_time() - began) / (ROUNDS * CALLS) * 1e6


def tell(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
