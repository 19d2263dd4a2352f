"""How a revision takes force on a node: fetched, verified, compiled, tried, kept on disk, and only then decided by."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from pdp.control.last_good import LastGood
from pdp.control.published import Published
from pdp.control.signatures import verify
from pdp.control.wanted import Wanted
from pdp.errors import (
    BlobError,
    BlobMissingError,
    GoldenCaseError,
    NotFoundError,
    PdpError,
    RefusedError,
)
from pdp.signing import TrustedKeys
from pdp.v1 import bundle_pb2, control_pb2

MAX_BUNDLE: Final = 128 * 1024 * 1024
"""Bytes of a bundle that a node takes; one of a very large bank has a few tens of megabytes."""

LASTING: Final = frozenset({"does_not_compile", "golden_case", "too_large", "goes_back"})
"""What the same bytes will be refused for again. The other codes may pass: `bad_signature`, `unknown_key`,
`wrong_hash` and `unreadable` when the store is mended, `not_kept` with room on the disk, `worker_refused`."""


class Applier(Protocol):
    """What decides on a node, as far as its agent goes."""

    async def check(self, signed: bundle_pb2.SignedBundle) -> None:
        """Compile a bundle and decide its golden cases. Raises GoldenCaseError and BundleError."""

    async def apply(self, signed: bundle_pb2.SignedBundle) -> None:
        """Decide by a bundle everywhere on the node. Raises WorkerError when nobody can."""

    async def set_shadow(self, signed: bundle_pb2.SignedBundle | None, sample: float) -> None:
        """Decide a share of the requests by another bundle too, and count what differs; None to end that.

        Raises WorkerError when nobody can.
        """

    async def set_stale(self, seconds: float | None) -> None:
        """Tell callers how old what is decided by may be, which grows by itself; None while the store is there."""

    def load(self) -> control_pb2.NodeLoad:
        """Return how much there is to do."""

    def shadows(self) -> Sequence[control_pb2.ShadowCount]:
        """Return what was compared so far."""

    def note(self, event: str, words: str, details: Mapping[str, str], *, success: bool = True) -> None:
        """Log an event and record it as an operation; an alarm when it is no success."""


class Applying:
    """Takes one revision after another into force; `signed` is the one that decides."""

    def __init__(self, published: Published, trusted: TrustedKeys, last_good: LastGood, applier: Applier) -> None:
        self._published = published
        self._trusted = trusted
        self._last_good = last_good
        self._applier = applier
        self.signed: bundle_pb2.SignedBundle | None = None
        self._kept: bundle_pb2.SignedBundle | None = None
        self.floor = (0, "")
        """Number and hash of the highest revision that ever decided here: no lower one does."""

    async def recover(self, *, decide: bool) -> None:
        """Decide by what stands on the disk, verified as if it came from the store; else only remember its number.

        Raises RefusedError.
        """
        signed = await asyncio.to_thread(self._last_good.read)
        if signed is None:
            return
        await asyncio.to_thread(self._verify, signed)
        self._kept, self.floor = signed, (signed.revision, signed.hash)
        if decide:
            await self._check(signed)
            await self._apply(signed)
            self.signed = signed

    async def take(self, wanted: Wanted) -> None:
        """Decide by a revision. Raises RefusedError, and then everything is as before; ControlStoreError."""
        self._check_number(wanted)
        signed = await self.fetch(wanted)
        await self._check(signed)
        try:
            await asyncio.to_thread(self._last_good.write, signed)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RefusedError(
                "not_kept", f"revision {wanted.number} cannot be kept on this node's disk: {reason}"
            ) from error
        try:
            await self._apply(signed)
        except RefusedError:
            await self._restore()
            raise
        self.signed = self._kept = signed
        self.floor = (signed.revision, signed.hash)

    async def fetch(self, wanted: Wanted) -> bundle_pb2.SignedBundle:
        """Return a revision's bundle, verified. Raises RefusedError and ControlStoreError."""
        try:
            revision = await self._published.revision(wanted.number)
            if (revision.number, revision.bundle_hash) != (wanted.number, wanted.bundle_hash):
                raise RefusedError("wrong_hash", f"revision {wanted.number} is not the one that is to be in force")
            # Before the text: nobody whom this node does not trust makes it read and unpack anything large.
            verify(_statement(revision), self._trusted)
            signed = await self._published.bundle(revision)
        except (NotFoundError, BlobMissingError) as error:
            raise RefusedError("unreadable", f"revision {wanted.number} is not to be read: {error}") from error
        except BlobError as error:
            raise RefusedError("wrong_hash", f"revision {wanted.number}: {error}") from error
        if len(signed.bundle) > MAX_BUNDLE:
            raise RefusedError(
                "too_large",
                f"the bundle of revision {wanted.number} has {len(signed.bundle)} bytes; a node takes {MAX_BUNDLE}",
            )
        return signed

    def _check_number(self, wanted: Wanted) -> None:
        number, digest = self.floor
        if wanted.number < number:
            raise RefusedError(
                "goes_back",
                f"revision {wanted.number} is to be in force, and this node has decided by {number}; was the control "
                f"store restored from a copy? Publish until a revision is higher than {number}, or stop this node and "
                f"remove `{self._last_good.path}`",
            )
        if wanted.number == number and wanted.bundle_hash != digest:
            raise RefusedError(
                "wrong_hash",
                f"revision {number} is to be in force, and this node has decided by another one of this number; "
                "was the control store made anew? Publish once more, or stop this node and remove "
                f"`{self._last_good.path}`",
            )

    def _verify(self, signed: bundle_pb2.SignedBundle) -> None:
        verify(signed, self._trusted)
        if hashlib.sha256(signed.bundle).hexdigest() != signed.hash:
            raise RefusedError("wrong_hash", f"the last good revision `{self._last_good.path}` does not match its hash")

    async def _check(self, signed: bundle_pb2.SignedBundle) -> None:
        try:
            await self._applier.check(signed)
        except GoldenCaseError as error:
            raise RefusedError("golden_case", f"revision {signed.revision}: {error}") from error
        except PdpError as error:
            raise RefusedError("does_not_compile", f"revision {signed.revision}: {error}") from error
        except Exception as error:  # a signed bundle of another program's version may break ours anywhere
            name = type(error).__name__
            raise RefusedError("does_not_compile", f"revision {signed.revision} cannot be compiled ({name})") from error

    async def _apply(self, signed: bundle_pb2.SignedBundle) -> None:
        try:
            await self._applier.apply(signed)
        except PdpError as error:
            raise RefusedError("worker_refused", f"revision {signed.revision}: {error}") from error

    async def _restore(self) -> None:
        try:
            await asyncio.to_thread(self._last_good.restore, self._kept)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            words = "the last good revision cannot be put back on this node's disk"
            self._applier.note("node.disk_failed", words, {"reason": reason}, success=False)


def _statement(revision: control_pb2.Revision) -> bundle_pb2.SignedBundle:
    return bundle_pb2.SignedBundle(
        hash=revision.bundle_hash, revision=revision.number, key_id=revision.key_id, signature=revision.signature
    )
