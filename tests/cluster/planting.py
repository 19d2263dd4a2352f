"""What an intruder, or a mistake, can put into the control store. No node may decide by any of it."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pdp.control import blobs, layout, signatures
from pdp.control.blobs import PIECE_BYTES
from pdp.signing import NodeKey
from pdp.v1 import bundle_pb2, control_pb2, types_pb2
from tests.cluster.store import Store

HUGE: Final = 200 * 1024 * 1024
"""Above what a node takes for a bundle, and small once compressed."""


class Planter:
    """Writes revisions after the one in force. `key` is the cluster's own: some of what it signs is no good either."""

    def __init__(self, store: Store, key: Path) -> None:
        self._store = store
        self._key = NodeKey.load(key)
        self._stranger = NodeKey.of(Ed25519PrivateKey.generate())

    @contextlib.contextmanager
    def planted(self, name: str) -> Iterator[tuple[int, str]]:
        """Put something bad in force, give its number and the code it is to be refused with, and take it away again."""
        head, rollout = self._store.value(layout.HEAD), self._store.value(layout.ROLLOUT)
        assert head is not None
        now = control_pb2.Head.FromString(head)
        number = now.revision if name == "another text, same number" else now.revision + 1
        key = layout.revision_key(number)
        before = self._store.value(key)
        pairs, number, code = KINDS[name](self, now, number)
        self._store.put(*pairs)
        try:
            yield number, code
        finally:
            self._store.put((layout.HEAD, head), (layout.ROLLOUT, rollout), (key, before))

    def garbled(self, now: control_pb2.Head, number: int) -> Planted:
        """The head is no message."""
        return [(layout.HEAD, b"\xff\xfe no message")], 0, "unreadable"

    def stranger(self, now: control_pb2.Head, number: int) -> Planted:
        """A good bundle, signed by a key that no node trusts."""
        return self._revision(number, now.bundle_hash, self._stranger), number, "unknown_key"

    def bad_signature(self, now: control_pb2.Head, number: int) -> Planted:
        """A good bundle, with a signature in which one bit is turned."""
        pairs = self._revision(number, now.bundle_hash, self._key, turn=1)
        return pairs, number, "bad_signature"

    def replayed(self, now: control_pb2.Head, number: int) -> Planted:
        """A good bundle under a higher number, with the signature that it has under its own."""
        pairs = self._revision(number, now.bundle_hash, self._key, signed_as=now.revision)
        return pairs, number, "bad_signature"

    def same_number(self, now: control_pb2.Head, number: int) -> Planted:
        """Another text under the number in force, rightly signed."""
        digest = self._blob(self._changed(now, lambda bundle: bundle.policies.pop()))
        return self._revision(number, digest, self._key), number, "wrong_hash"

    def wrong_hash(self, now: control_pb2.Head, number: int) -> Planted:
        """Bytes that do not have the hash that was signed."""
        digest = hashlib.sha256(f"nothing has this hash {number}".encode()).hexdigest()
        self._write_as(digest, self._bundle(now))
        return self._revision(number, digest, self._key), number, "wrong_hash"

    def missing(self, now: control_pb2.Head, number: int) -> Planted:
        """A hash under which there is nothing."""
        digest = hashlib.sha256(f"nothing is here {number}".encode()).hexdigest()
        return self._revision(number, digest, self._key), number, "unreadable"

    def no_revision(self, now: control_pb2.Head, number: int) -> Planted:
        """A head of which there is no revision."""
        return [(layout.HEAD, self._head(number, now.bundle_hash))], number, "unreadable"

    def no_bundle(self, now: control_pb2.Head, number: int) -> Planted:
        """Rightly signed bytes that are no bundle."""
        return self._revision(number, self._blob(b"no bundle at all"), self._key), number, "does_not_compile"

    def bad_expression(self, now: control_pb2.Head, number: int) -> Planted:
        """A rightly signed bundle with an expression that cannot be read."""

        def spoil(bundle: bundle_pb2.Bundle) -> None:
            for policy in bundle.policies:
                for rule in policy.rules:
                    for condition in rule.when:
                        condition.checked = b"\x00\x01\x02"

        return self._revision(number, self._blob(self._changed(now, spoil)), self._key), number, "does_not_compile"

    def golden_case(self, now: control_pb2.Head, number: int) -> Planted:
        """A rightly signed bundle that does not decide as its own golden cases say."""

        def spoil(bundle: bundle_pb2.Bundle) -> None:
            expected = bundle.golden_cases[0].expected[0]
            shown = expected.effect == types_pb2.EFFECT_UNMASK
            expected.effect = types_pb2.EFFECT_MASK if shown else types_pb2.EFFECT_UNMASK
            expected.ClearField("mask")

        return self._revision(number, self._blob(self._changed(now, spoil)), self._key), number, "golden_case"

    def huge(self, now: control_pb2.Head, number: int) -> Planted:
        """A bundle that is larger than a node takes, rightly signed."""
        return self._revision(number, self._blob(bytes(HUGE)), self._key), number, "too_large"

    def back(self, now: control_pb2.Head, number: int) -> Planted:
        """The head is an earlier revision."""
        earlier = now.revision - 1
        found = self._store.value(layout.revision_key(earlier))
        assert found is not None
        digest = control_pb2.Revision.FromString(found).bundle_hash
        return [(layout.HEAD, self._head(earlier, digest))], earlier, "goes_back"

    def candidate(self, now: control_pb2.Head, number: int) -> Planted:
        """A rollout to all nodes whose candidate is not there."""
        digest = hashlib.sha256(f"no candidate {number}".encode()).hexdigest()
        rollout = control_pb2.Rollout(
            revision=number, bundle_hash=digest, fallback=now.revision, fallback_hash=now.bundle_hash,
            state=control_pb2.ROLLOUT_STATE_RUNNING, max_difference=1.0,
        )  # fmt: skip
        (revision, _) = self._revision(number, digest, self._key)
        return [(layout.ROLLOUT, rollout.SerializeToString()), revision], number, "unreadable"

    def _bundle(self, now: control_pb2.Head) -> bytes:
        return self._store.run(blobs.read(self._store.store, now.bundle_hash))

    def _changed(self, now: control_pb2.Head, change: Callable[[bundle_pb2.Bundle], object]) -> bytes:
        bundle = bundle_pb2.Bundle.FromString(self._bundle(now))
        change(bundle)
        return bundle.SerializeToString(deterministic=True)

    def _blob(self, data: bytes) -> str:
        return self._store.run(blobs.write(self._store.store, data))

    def _write_as(self, digest: str, data: bytes) -> None:
        packed = zlib.compress(data)
        assert len(packed) < PIECE_BYTES
        self._store.put((f"{layout.blob_prefix(digest)}0000", (1).to_bytes(4, "big") + packed))

    def _head(self, number: int, digest: str) -> bytes:
        return control_pb2.Head(revision=number, bundle_hash=digest, since_nanos=1).SerializeToString()

    def _revision(
        self, number: int, digest: str, key: NodeKey, *, turn: int = 0, signed_as: int = 0
    ) -> list[tuple[str, bytes | None]]:
        signature = bytearray(signatures.sign(key, signed_as or number, digest))
        signature[0] ^= turn
        revision = control_pb2.Revision(
            number=number, bundle_hash=digest, key_id=key.id, signature=bytes(signature), previous=number - 1
        )
        return [
            (layout.revision_key(number), revision.SerializeToString()), (layout.HEAD, self._head(number, digest))
        ]  # fmt: skip


Planted = tuple[list[tuple[str, bytes | None]], int, str]
KINDS: Final[Mapping[str, Callable[[Planter, control_pb2.Head, int], Planted]]] = {
    "garbled head": Planter.garbled,
    "signed by a stranger": Planter.stranger,
    "bad signature": Planter.bad_signature,
    "signature of another number": Planter.replayed,
    "another text, same number": Planter.same_number,
    "wrong hash": Planter.wrong_hash,
    "bundle missing": Planter.missing,
    "revision missing": Planter.no_revision,
    "no bundle": Planter.no_bundle,
    "bad expression": Planter.bad_expression,
    "golden case fails": Planter.golden_case,
    "huge": Planter.huge,
    "head goes back": Planter.back,
    "candidate missing": Planter.candidate,
}
