"""The policy sets of the vectors: loaded from text, built into bundles, decided by the engine and by the reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from google.protobuf.message import Message

from pdp.control import signatures
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_folder, load_texts
from pdp.lang.model import GrantSpec
from pdp.lang.resolved import ResolvedSet
from pdp.signing import NodeKey
from pdp.source import whole
from pdp.v1 import bundle_pb2, decision_service_pb2
from tests.reference.evaluator import Reference
from tests.reference.request import Grants, decision_of, plain_request

REVISION = 7
# Whoever reads this can sign by them: they sign vectors and nothing else.
KEY = NodeKey.of(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"jingxi vectors").digest()))
STRANGER = NodeKey.of(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"jingxi vectors, a stranger").digest()))


@dataclass(frozen=True)
class Case:
    """A question: request, time in nanoseconds since 1970 and the grants that exist."""

    id: str
    now: int
    request: decision_service_pb2.DecideRequest
    grants: tuple[bundle_pb2.Grant, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as the sources and the table have it."""
        found: dict[str, Any] = {"id": self.id, "now_nanos": str(self.now)}
        found["request"] = json_of(self.request)
        if self.grants:
            found["grants"] = [json_of(grant) for grant in self.grants]
        return found

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> Case:
        """Return what `as_json` wrote."""
        request = json_format.ParseDict(source["request"], decision_service_pb2.DecideRequest())
        grants = tuple(json_format.ParseDict(g, bundle_pb2.Grant()) for g in source.get("grants", ()))
        return cls(source["id"], int(source["now_nanos"]), request, grants)


def json_of(message: Message) -> dict[str, Any]:
    """Return a message in protobuf's JSON form, its maps in an order that is always the same."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: ordered(value[name]) for name in sorted(value)}
        return [ordered(item) for item in value] if isinstance(value, list) else value

    found = json_format.MessageToDict(message)
    return {name: ordered(value) for name, value in found.items()}


class DifferenceError(Exception):
    """The engine and the reference do not agree about a case."""


class PolicySet:
    """One policy set with its bundle, its compiled program and the reference."""

    def __init__(self, name: str, resolved: ResolvedSet) -> None:
        self.name = name
        self.signed = signed_by(KEY, bundle.build(resolved, REVISION))
        self._resolved = resolved
        self._grants: dict[str, GrantSpec] = {}
        self._program = Program.from_bundle(self.signed)
        self._reference = Reference(resolved, self._grants)

    def decide(self, case: Case) -> decision_service_pb2.DecideResponse:
        """Return the engine's answer, without its id. Raises DifferenceError when the reference has another."""
        self._grants.clear()
        self._grants.update({grant.id: spec_of(grant) for grant in case.grants})
        self._program.grants = Grants(self._grants.values())
        answer = decision_service_pb2.DecideResponse.FromString(
            self._program.decide(case.request.SerializeToString(), case.now)
        )
        wanted = self._reference.decide(plain_request(case.request, case.now))
        if decision_of(answer) != wanted:
            raise DifferenceError(f"{self.name}, {case.id}:\nengine    {decision_of(answer)}\nreference {wanted}")
        answer.decision_id = ""
        return answer


def signed_by(key: NodeKey, signed: bundle_pb2.SignedBundle) -> bundle_pb2.SignedBundle:
    """Sign a bundle in place and return it."""
    signed.key_id, signed.signature = key.id, signatures.sign(key, signed.revision, signed.hash)
    return signed


def resolve(texts: Mapping[str, str] | Path) -> ResolvedSet:
    """Return the policy set of a folder or of texts by file name; it must be free of errors."""
    loaded, diagnostics = load_folder(texts) if isinstance(texts, Path) else load_texts(texts)
    found = check(loaded, diagnostics, analyse=False)
    if found is None:
        raise ValueError("; ".join(f"{d.span}: {d.message}" for d in diagnostics.sorted()))
    return found


def golden_cases(signed: bundle_pb2.SignedBundle) -> Iterable[Case]:
    """Yield the golden cases of a bundle."""
    for golden in bundle.parse(signed).golden_cases:
        request = decision_service_pb2.DecideRequest.FromString(golden.request)
        yield Case(golden.name, golden.now_nanos, request, tuple(golden.grants))


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a source file."""
    return [Case.from_json(case) for case in json.loads(path.read_text())]


def spec_of(grant: bundle_pb2.Grant) -> GrantSpec:
    """Return a grant as the reference takes it."""
    return GrantSpec(
        id=grant.id,
        kind=grant.kind,
        subject_id=grant.subject_id,
        resource_type=grant.resource_type,
        resource_id=grant.resource_id,
        fields=tuple(grant.fields),
        levels=tuple(grant.levels),
        not_before=grant.not_before_nanos,
        expires_at=grant.expires_at_nanos,
        approver=grant.approver,
        approver_level=grant.approver_level,
        scenario=grant.scenario,
        reason=grant.reason,
        evidence=grant.evidence,
        application=grant.application,
        span=whole("grants"),
    )
