"""The revision that a node decided by last, on its own disk: what it begins with when the store is away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from pdp.errors import RefusedError
from pdp.signing import sync_folder
from pdp.v1 import bundle_pb2

FILE: Final = "bundle"


class LastGood:
    """One file in a folder of the node's own, which must be there. It is whole or as it was before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> bundle_pb2.SignedBundle | None:
        """Return what was written, not verified; None when nothing was. Raises RefusedError when it is damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RefusedError("damaged", f"cannot read the last good revision `{self.path}`: {reason}") from error
        try:
            signed = bundle_pb2.SignedBundle.FromString(data)
        except DecodeError as error:
            raise RefusedError("damaged", f"the last good revision `{self.path}` is damaged") from error
        if not signed.hash:  # an empty file is an empty message
            raise RefusedError("damaged", f"the last good revision `{self.path}` is empty")
        return signed

    def write(self, signed: bundle_pb2.SignedBundle) -> None:
        """Keep a revision; it is durable on return. Raises OSError, and then what was there still is."""
        # One name: what a crash leaves behind is written over.
        aside = self.path.with_name(f".{FILE}.new")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with open(handle, "wb") as stream:  # noqa: PTH123 - the descriptor is open already
                stream.write(signed.SerializeToString())
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(self.path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)

    def restore(self, signed: bundle_pb2.SignedBundle | None) -> None:
        """Keep what was there before a revision that did not take force after all. Raises OSError."""
        if signed is None:
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        else:
            self.write(signed)
