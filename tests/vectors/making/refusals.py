"""Bundles that no client may take into use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from tests.vectors.making.sets import KEY, REVISION, STRANGER, signed_by


@dataclass(frozen=True)
class Refusal:
    """A file, why it is refused, and the bundle in use meanwhile, if one is."""

    id: str
    why: str
    data: bytes
    in_use: str = ""

    @property
    def file(self) -> str:
        """Its path below `tests/vectors`."""
        return f"bundles/refused-{self.id}.pb"

    def as_json(self) -> dict[str, str]:
        """Return its entry in the table."""
        found = {"id": self.id, "file": self.file, "why": self.why}
        return {**found, "in_use": self.in_use} if self.in_use else found


def refused(small: bundle_pb2.SignedBundle) -> Iterator[Refusal]:
    """Yield the refusals, made from the bundle `verdicts`."""
    yield _of("unsigned", "bad_signature", small, key_id="", signature=b"")
    yield _of("flipped-signature", "bad_signature", small, signature=_flipped(small.signature, 0))
    yield _of("short-signature", "bad_signature", small, signature=small.signature[:32])
    yield _of("signed-for-another-revision", "bad_signature", small, revision=REVISION + 1)
    yield _of("another-key-named", "unknown_key", small, key_id=STRANGER.id)
    yield Refusal("strangers-key", "unknown_key", _bytes(signed_by(STRANGER, _copy(small))))
    yield _of("flipped-byte", "wrong_hash", small, bundle=_flipped(small.bundle, len(small.bundle) // 2))
    yield _of("another-hash", "wrong_hash", small, hash=hashlib.sha256(b"").hexdigest())
    yield _of("hash-in-capitals", "wrong_hash", small, hash=small.hash.upper())
    yield Refusal("cut-off", "wrong_format", _bytes(small)[:-100])
    yield Refusal("no-bundle", "wrong_format", b"-----BEGIN PUBLIC KEY-----\n")
    yield Refusal("no-message", "wrong_format", _rebuilt(small, b"\xff\xff\xff\xff"))
    later = bundle_pb2.Bundle.FromString(small.bundle)
    later.format = 2
    yield Refusal("later-form", "wrong_format", _rebuilt(small, later.SerializeToString(deterministic=True)))
    other = bundle_pb2.Bundle.FromString(small.bundle)
    question = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=["pin"])
    golden = other.golden_cases.add(name="wrong/expectation", request=question.SerializeToString())
    golden.expected.add(field="pin", effect=types_pb2.EFFECT_UNMASK)
    yield Refusal("golden-case", "golden_case", _rebuilt(small, other.SerializeToString(deterministic=True)))
    older = _copy(small)
    older.revision = REVISION - 1
    yield Refusal("older", "goes_back", _bytes(signed_by(KEY, older)), in_use="verdicts")


def _of(name: str, why: str, source: bundle_pb2.SignedBundle, **changes: object) -> Refusal:
    """Return a refusal whose bundle differs in some fields and is not signed again."""
    changed = _copy(source)
    for field, value in changes.items():
        setattr(changed, field, value)
    return Refusal(name, why, _bytes(changed))


def _rebuilt(source: bundle_pb2.SignedBundle, payload: bytes) -> bytes:
    """Return a bundle of other bytes, rightly hashed and signed."""
    digest = hashlib.sha256(payload).hexdigest()
    made = bundle_pb2.SignedBundle(bundle=payload, hash=digest, revision=source.revision)
    return _bytes(signed_by(KEY, made))


def _copy(source: bundle_pb2.SignedBundle) -> bundle_pb2.SignedBundle:
    return bundle_pb2.SignedBundle.FromString(source.SerializeToString())


def _bytes(signed: bundle_pb2.SignedBundle) -> bytes:
    return signed.SerializeToString(deterministic=True)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
