"""Where the time of an answer goes inside a worker: its parts, timed one by one on the requests of `service.py`.

For the section “Where an aim is missed” of docs/guides/performance.md. It takes about a minute; figures are CPU time,
medians over rounds in which the parts take turns. Parts contain each other: decoding is part of deciding.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from measure import Candidate, Effort, Runner, alternate
from policy_sets import portable
from samples import NOW, samples
from service_dialects import BATCH, BATCH_ITEMS, UNARY, Jingxi

from pdp.engine import batch, bundle
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.server.core import DecisionCore
from pdp.server.holder import Holder, Version
from pdp.server.metrics import WorkerMetrics
from pdp.server.transports.calls import Calls, Lane, Served
from pdp.snapshot.recorder import recorder
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.spool.writer import Spool
from pdp.v1 import bundle_pb2, decision_service_pb2

_RULES = 100
_REQUESTS = 256
# How many a worker of the native transport takes at once under load.
_TOGETHER = 64
_EFFORT, _QUICK = Effort(15, 0.15), Effort(3, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parts = _parts(Path(folder))
        timings = alternate(
            {name: Runner(part).turn for name, part in parts.items()}, _QUICK if options.quick else _EFFORT
        )
    for name, timing in timings.items():
        print(f"{name:<44} {statistics.median(timing.cpu) * 1e6:6.2f} µs")


def _parts(folder: Path) -> dict[str, Candidate]:
    rule_set, dialect = portable(_RULES), Jingxi()
    policy_set, diagnostics = load_texts(rule_set.texts())
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()[:3]
    signed = bundle.build(resolved)
    plain = Program.from_bundle(signed)
    keeping = Program.from_bundle(signed, recorder=recorder(ResourceKeys({"k1": b"k" * 32})))
    asked = samples(rule_set, _REQUESTS)
    unary = [dialect.request(UNARY, [sample]) for sample in asked]
    batches = [
        dialect.request(BATCH, asked[at : at + BATCH_ITEMS]) for at in range(0, len(asked) - BATCH_ITEMS, BATCH_ITEMS)
    ]
    items = len(batches) * BATCH_ITEMS
    lane, served = _lane(plain, signed)
    notes = Notes()
    parse, parse_batch = (
        message.FromString for message in (decision_service_pb2.DecideRequest, decision_service_pb2.DecideBatchRequest)
    )

    def recorded(decide: Callable[[bytes, int, None, Notes], bytes]) -> Callable[[bytes], object]:
        def run(payload: bytes) -> None:
            decide(payload, NOW, None, notes)
            notes.take()

        return run

    for payload in unary:
        keeping.decide(payload, NOW, None, notes)
    spool = Spool(folder / "spool", node="node-1")
    written = [("long" if shown else "medium", body) for shown, body in notes.take()[:_TOGETHER]]
    return {
        "one: decode": Candidate(_each(parse, unary), len(unary)),
        "one: evaluate the rules": Candidate(_rules(plain, map(parse, unary)), len(unary)),
        "one: decide": Candidate(_each(lambda payload: plain.decide(payload, NOW), unary), len(unary)),
        "one: decide, measure, count": Candidate(
            _each(lambda payload: lane.answer(served, payload, None), unary), len(unary)
        ),
        "one: decide and make the record": Candidate(_each(recorded(keeping.decide), unary), len(unary)),
        "batch item: decode": Candidate(_each(parse_batch, batches), items),
        "batch item: evaluate the rules": Candidate(_batch_rules(plain, [*map(parse_batch, batches)]), items),
        "batch item: decide": Candidate(_each(lambda payload: plain.decide_batch(payload, NOW), batches), items),
        "batch item: decide and make the record": Candidate(_each(recorded(keeping.decide_batch), batches), items),
        f"spool: a record of {_TOGETHER} at once": Candidate(lambda: spool.append(written), len(written)),
    }


def _rules(program: Program, requests: Iterable[Any]) -> Callable[[], None]:
    """Return what evaluates the rules for decoded requests, which includes reading their attributes."""
    parties = [
        (one.subject, one.action, one.resource, one.context, NOW, program.requested_fields(one)) for one in requests
    ]

    def run() -> None:
        for each in parties:
            program.evaluation.without_grants(*each)

    return run


def _batch_rules(program: Program, requests: Sequence[Any]) -> Callable[[], None]:
    """Return the same for the items of decoded batches, which share what is read of the subject and the context."""
    parties = []
    for request in requests:
        shared = batch._Items(program, request, request.ByteSize(), NOW, None)
        for item in request.items:
            fields = program.requested_fields(item)
            parties.append((shared._subject, shared._action, item.resource, shared._context, NOW, fields))

    def run() -> None:
        for each in parties:
            program.evaluation.without_grants(*each)

    return run


def _lane(program: Program, signed: bundle_pb2.SignedBundle) -> tuple[Lane, Served]:
    """Return what a transport answers calls with, and the method Decide."""
    holder = Holder()
    holder.version = Version.of(program, signed)
    core = DecisionCore(holder)
    calls = Calls(core, WorkerMetrics(list(core.methods)), max_calls=1_000, reply_bytes=1 << 22)
    return calls.lane(), calls.unary["Decide"]


def _each(call: Callable[[bytes], object], payloads: Iterable[bytes]) -> Callable[[], None]:
    def run() -> None:
        for payload in payloads:
            call(payload)

    return run


if __name__ == "__main__":
    main()
