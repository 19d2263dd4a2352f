"""Signatures of revisions: what a node decides by comes from somebody whom its own configuration trusts.

The control store is not among them: who can write there can keep nodes from new revisions, and no more than that.
"""

from __future__ import annotations

from typing import Final

from pdp.errors import RefusedError
from pdp.signing import NodeKey, TrustedKeys, Verdict
from pdp.v1 import bundle_pb2

_PURPOSE: Final = b"jingxi revision 1\0"


def statement(number: int, bundle_hash: str) -> bytes:
    """Return what is signed: that a bundle is the revision of this number."""
    return _PURPOSE + number.to_bytes(8, "big") + bytes.fromhex(bundle_hash)


def sign(key: NodeKey, number: int, bundle_hash: str) -> bytes:
    """Return the signature of a revision, 64 bytes (Ed25519)."""
    return key.sign(statement(number, bundle_hash))


def verify(signed: bundle_pb2.SignedBundle, trusted: TrustedKeys) -> None:
    """Raise RefusedError unless a trusted key has signed hash and revision. The hash itself is not looked at."""
    if not signed.signature:
        raise RefusedError("bad_signature", f"revision {signed.revision} is not signed")
    try:
        said = statement(signed.revision, signed.hash)
    except (ValueError, OverflowError) as error:
        raise RefusedError("wrong_hash", f"`{signed.hash[:80]}` is no hash") from error
    match trusted.verify(signed.key_id, signed.signature, said):
        case Verdict.UNKNOWN_KEY:
            raise RefusedError(
                "unknown_key",
                f"revision {signed.revision} is signed by the key `{signed.key_id}`, which this node does not trust; "
                "add its public key to `control.trust` if it is yours",
            )
        case Verdict.BAD:
            raise RefusedError("bad_signature", f"the signature of revision {signed.revision} is wrong")
        case Verdict.GOOD:
            return
