"""Unsaved texts, kept on this machine until they are saved, so that a crash loses nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from admin_gui.domain.workspace import Workspace

_SUFFIX: Final = ".recovery"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where texts belong: a folder by its path, or at a service a draft by its name."""

    kind: Literal["folder", "draft"]
    where: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Files that were not saved, as they were and as they had been read (`before`); None stands for no file.

    `version` and `base` are those of the draft.
    """

    origin: Origin
    time_nanos: int
    texts: Mapping[str, str | None]
    before: Mapping[str, str | None]
    version: int = 0
    base: int = 0

    def put_into(self, workspace: Workspace) -> None:
        """Make these changes again. What somebody else has changed meanwhile is not overwritten by a later save."""
        for side, values in ((workspace.texts, self.texts), (workspace.kept, self.before)):
            for path, text in values.items():
                if text is None:
                    side.pop(path, None)
                else:
                    side[path] = text


def unsaved_of(origin: Origin, workspace: Workspace, now_nanos: int, *, version: int = 0, base: int = 0) -> Unsaved:
    """Return what is not saved of a workspace."""
    texts, before = ({path: side.get(path) for path in workspace.changed} for side in (workspace.texts, workspace.kept))
    return Unsaved(origin, now_nanos, texts, before, version, base)


class Recovery:
    """The files in a folder of this user's, one for each origin. Nothing is raised: a disk that is full must not stop
    whoever writes; `keep` tells whether it went well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, origin: Origin) -> Path:
        """Return where the texts of an origin are kept."""
        name = json.dumps([origin.kind, origin.where, origin.name])
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}{_SUFFIX}"

    def keep(self, unsaved: Unsaved) -> bool:
        """Keep texts in place of those of before, all or nothing; readable for this user alone."""
        target = self.path_of(unsaved.origin)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.folder, prefix=".", delete=False) as made:
                json.dump(asdict(unsaved), made, ensure_ascii=False)
                made.flush()
                os.fsync(made.fileno())
            Path(made.name).replace(target)
        except OSError:
            return False
        return True

    def find(self, origin: Origin) -> Unsaved | None:
        """Return what was kept for an origin; None when there is nothing that can be read."""
        found = _read(self.path_of(origin))
        return found if found is not None and found.origin == origin else None

    def drafts(self, where: str) -> Iterator[Unsaved]:
        """Yield what was kept of drafts at a service, the oldest first."""
        found = [_read(path) for path in self.folder.glob(f"*{_SUFFIX}")]
        mine = [one for one in found if one is not None and (one.origin.kind, one.origin.where) == ("draft", where)]
        yield from sorted(mine, key=lambda one: one.time_nanos)

    def set_aside(self, origin: Origin) -> Path | None:
        """Keep what there is under another name, where nothing overwrites it; return where. None when it cannot be."""
        source = self.path_of(origin)
        target = source.with_suffix(f".{time.time_ns()}.aside")
        try:
            source.replace(target)
        except OSError:
            return None
        return target

    def forget(self, origin: Origin) -> None:
        """Keep nothing of an origin any more."""
        with contextlib.suppress(OSError):
            self.path_of(origin).unlink(missing_ok=True)


def _read(path: Path) -> Unsaved | None:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        origin = Origin(**found.pop("origin"))
        unsaved = Unsaved(origin, **found)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        # What is no recovery file of this program is nobody's work.
        return None
    texts = [*unsaved.texts.values(), *unsaved.before.values()]
    return unsaved if all(isinstance(text, str | None) for text in texts) else None
