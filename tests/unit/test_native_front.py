"""How the thread of the native transport takes calls together, by a transport that hands them over as a test says."""

from __future__ import annotations

import queue
from collections.abc import Sequence

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.server.address import Address
from pdp.server.core import DecisionCore
from pdp.server.health import Health
from pdp.server.holder import Holder, Version
from pdp.server.journal import Journal
from pdp.server.metrics import WorkerMetrics
from pdp.server.transports.calls import Calls
from pdp.server.transports.native import _BATCH, _Front
from pdp.snapshot.recorder import recorder
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.v1 import decision_service_pb2
from tests.unit.test_journal import PATIENCE, Disk, keeping

TEXT = """
kind: Dictionary
defaults: {C1: unmask, C2: mask, C3: mask}
fields:
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2}
---
kind: Policy
id: core
title: {zh: 核心, en: core}
rules:
- {id: r0, title: {zh: 规则, en: rule}, when: ['subject.id == "T1"'], fields: [mobile], unmask: true}
"""


class Network:
    """Hands calls over in the batches of a script, then ends; so many calls given up where a number is negative."""

    def __init__(self, *batches: int) -> None:
        request = decision_service_pb2.DecideRequest(fields=["mobile"])
        request.subject.id = "T1"
        self._payload = request.SerializeToString()
        self._batches = list(batches)
        self._calls = 0
        self.looks: list[int | None] = []
        self.answered = queue.Queue[int]()

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def recv_batch(self, most: int, timeout_ms: int | None = None) -> list[tuple[object, ...]] | None:
        self.looks.append(timeout_ms)
        if not self._batches:
            return None
        count = self._batches.pop(0)
        assert abs(count) <= most
        if count < 0:
            return [(1, 0, 0, None, "")] * -count
        self._calls += count
        return [(0, self._calls - place, 0, self._payload, "") for place in range(count)]

    def respond(self, call_id: int, payload: bytes) -> None:
        assert decision_service_pb2.DecideResponse.FromString(payload).verdicts
        self.answered.put(call_id)


def answered(network: Network, journal: Journal | None) -> list[int]:
    """Return the calls in the order of their answers."""
    resolved = check(*load_texts({"set.yaml": TEXT}), analyse=False)
    assert resolved is not None
    signed = bundle.build(resolved)
    holder = Holder()
    program = Program.from_bundle(signed, recorder=recorder(ResourceKeys({"k1": b"0" * 32})))
    holder.version = Version.of(program, signed)
    core = DecisionCore(holder)
    metrics = WorkerMetrics([*core.methods])
    calls = Calls(core, metrics, max_calls=1_000, reply_bytes=1 << 20, journal=journal)
    served = [calls.unary["Decide"]]
    front = _Front(network, Address("", 0, "nowhere"), calls, Health([]), served, detailed=False)
    front.start()
    front.close()
    expected = network._calls
    found = [network.answered.get(timeout=PATIENCE) for _ in range(expected)]
    calls.long.close()
    calls.room.close()
    return found


def commits(disk: Disk) -> Sequence[int]:
    return [len(commit) for commit in disk.commits]


def test_what_comes_while_calls_are_decided_is_recorded_with_them() -> None:
    disk, network = Disk(), Network(1, 2, 5, 0)
    with keeping(disk) as journal:
        assert len(answered(network, journal)) == 8
    assert commits(disk) == [8]
    assert network.looks == [None, 0, 0, 0, None]


def test_nobody_waits_for_more_than_a_batch() -> None:
    disk, network = Disk(), Network(*[1] * (_BATCH + 3))
    with keeping(disk) as journal:
        assert len(answered(network, journal)) == _BATCH + 3
    assert max(commits(disk)) <= _BATCH + 3
    assert network.looks[_BATCH] is None  # it answers before it looks again


def test_nobody_waits_for_what_needs_no_answer() -> None:
    disk, network = Disk(), Network(1, *[-1] * (2 * _BATCH))
    with keeping(disk) as journal:
        assert answered(network, journal) == [1]
    assert network.looks[_BATCH] is None


def test_without_records_calls_are_answered_at_once() -> None:
    network = Network(1, 2)
    assert answered(network, None) == [1, 3, 2]
    assert network.looks == [None, None, None]
