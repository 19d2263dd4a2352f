"""The callers that a node knew last, on its own disk: whom it lets call when the store is away at its start."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from pdp.errors import RefusedError
from pdp.signing import sync_folder
from pdp.v1 import caller_pb2

FILE: Final = "callers"


class LastKnown:
    """One file in a folder of the node's own, which must be there; of tokens it holds hashes alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> Sequence[caller_pb2.Caller]:
        """Return what was written; none when nothing was. Raises RefusedError when it is damaged."""
        try:
            return list(caller_pb2.CallerSet.FromString(self.path.read_bytes()).callers)
        except FileNotFoundError:
            return ()
        except (OSError, DecodeError) as error:
            raise RefusedError("damaged", f"the callers in `{self.path}` cannot be read") from error

    def write(self, callers: Iterable[caller_pb2.Caller]) -> None:
        """Keep callers; they are durable on return. Raises OSError, and then what was there still is."""
        # One name: what a crash leaves behind is written over.
        aside = self.path.with_name(f".{FILE}.new")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as stream:  # noqa: PTH123 - the descriptor is open already
            stream.write(caller_pb2.CallerSet(callers=callers).SerializeToString(deterministic=True))
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(self.path)
        sync_folder(self.path.parent)
