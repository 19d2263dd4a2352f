"""Grants from a file, for folder mode: the GrantSource that programs ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pdp.engine.bundle import grant_message
from pdp.errors import GrantFileError, PolicyError
from pdp.lang.loader import load_grants
from pdp.v1 import bundle_pb2


class GrantTable:
    """Grants by id. A program asks it at every decision; `replace` takes effect at the next one."""

    __slots__ = ("_grants", "loaded")

    def __init__(self) -> None:
        self._grants: Mapping[str, bundle_pb2.Grant] = {}
        self.loaded = False

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        """Return the grant of this id, active or not."""
        return self._grants.get(grant_id)

    @property
    def current(self) -> Mapping[str, bundle_pb2.Grant]:
        """All grants there are; the next ones are in another mapping."""
        return self._grants

    def replace(self, grants: Mapping[str, bundle_pb2.Grant]) -> None:
        """Put other grants in place of all."""
        self._grants = grants
        self.loaded = True


def read_grants(path: Path) -> dict[str, bundle_pb2.Grant]:
    """Return the grants of a file. Raises PolicyError with every diagnostic, GrantFileError and OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GrantFileError(f"`{path}` is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    specs, diagnostics = load_grants(path.name, text)
    if diagnostics.has_errors:
        raise PolicyError(f"`{path}` holds grants that cannot be used", diagnostics.sorted())
    return {grant_id: grant_message(spec) for grant_id, spec in specs.items()}
