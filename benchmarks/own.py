"""What is timed of Jingxi itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from measure import Candidate
from policy_sets import ROLES, RuleSet
from samples import FIELD_IDS, NOW, samples
from workers import Loaded

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.v1 import bundle_pb2, decision_service_pb2

_NANOS_A_DAY = 86_400 * 10**9
_BATCH = 50


class _Grants:
    """A supervisor's grant for every subject and resource that asks: `subject/resource`."""

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        subject, _, resource = grant_id.partition("/")
        return bundle_pb2.Grant(
            id=grant_id,
            kind="supervisor",
            subject_id=subject,
            resource_type="customer",
            resource_id=resource,
            not_before_nanos=NOW - _NANOS_A_DAY,
            expires_at_nanos=NOW + _NANOS_A_DAY,
            approver="M0001",
            approver_level=5,
            scenario="service",
        )


def load_program(path: str, grants: bool = False) -> Program:
    """Return the program of a bundle file."""
    signed = bundle.read(Path(path))
    return Program.from_bundle(signed, grants=_Grants()) if grants else Program.from_bundle(signed)


def decisions(path: str, rule_set: RuleSet, count: int, roles: Sequence[str] = ROLES) -> Loaded:
    """Load a bundle and time decisions of `count` different requests."""
    program = load_program(path)
    payloads = [sample.payload() for sample in samples(rule_set, count, roles)]
    return Loaded({"decide": Candidate(_each(lambda payload: program.decide(payload, NOW), payloads), count)}, {})


def breakdown(path: str, rule_set: RuleSet, count: int) -> Loaded:
    """Load a bundle and time a decision's parts and its less usual kinds."""
    program = load_program(path, grants=True)
    found = samples(rule_set, count)
    usual = [sample.payload() for sample in found]
    granted = [sample.payload(grant_ids=[f"{sample.subject_id}/{sample.resource_id}"]) for sample in found]
    undecided = [sample.payload(without="level") for sample in found]
    batch = _batch(usual[0], found[0].resource_id)
    parse = decision_service_pb2.DecideRequest.FromString

    def first(payload: bytes) -> bytes:
        program._encoded.clear()  # what it has met before
        return program.decide(payload, NOW)

    candidates = {
        "decide": Candidate(_each(program.decide, usual), count),
        "parse": Candidate(_each(parse, usual), count),
        "batch": Candidate(lambda: program.decide_batch(batch, NOW), _BATCH),
        "grant": Candidate(_each(lambda payload: program.decide(payload, NOW), granted), count),
        "undecided": Candidate(_each(lambda payload: program.decide(payload, NOW), undecided), count),
        "first": Candidate(_each(first, usual), count),
    }
    replies = [len(program.decide(payload)) for payload in usual]
    facts = {
        "fields": len(FIELD_IDS),
        "request_bytes": sum(map(len, usual)) // count,
        "reply_bytes": sum(replies) // count,
        "batch_items": _BATCH,
    }
    return Loaded(candidates, facts)


def _batch(payload: bytes, resource_id: str) -> bytes:
    """Return a batch about the same question for many customers."""
    one = decision_service_pb2.DecideRequest.FromString(payload)
    batch = decision_service_pb2.DecideBatchRequest(
        request_id=one.request_id, subject=one.subject, action=one.action, context=one.context
    )
    for number in range(_BATCH):
        item = batch.items.add(resource=one.resource, fields=one.fields)
        item.resource.id = f"{resource_id}-{number}"
    return batch.SerializeToString()


def _each(call: Callable[[bytes], object], payloads: Sequence[bytes]) -> Callable[[], None]:
    def run() -> None:
        for payload in payloads:
            call(payload)

    return run
