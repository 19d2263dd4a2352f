"""The texts that somebody works on: what they were, what they are, and where each is kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

SUFFIXES: Final = (".yaml", ".yml")
_MOST_FILES: Final = 10_000
_NAMED: Final = 5


class WorkspaceError(Exception):
    """A folder or file that cannot be read or written; the message says which and why."""


class OvertakenError(WorkspaceError):
    """Somebody else has written or removed `paths` since they were read, so nothing is saved."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        named = ", ".join(f"`{path}`" for path in paths[:_NAMED]) + (" …" if len(paths) > _NAMED else "")
        verb = "was" if len(paths) == 1 else "were"
        super().__init__(f"{named} {verb} changed or removed by somebody else; take theirs, or write over it")


@dataclass(slots=True)
class Workspace:
    """Files by path below the policy folder. `kept` is what was last read or saved, `texts` what they are now."""

    folder: Path | None
    kept: dict[str, str]
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts = dict(self.kept)

    @property
    def changed(self) -> list[str]:
        """The paths of files that are not as they were kept, sorted."""
        return sorted(path for path in {*self.kept, *self.texts} if self.kept.get(path) != self.texts.get(path))

    def write(self, path: str, text: str) -> None:
        """Give a file another text."""
        self.texts[path] = text

    def discard(self) -> None:
        """Give up what is not saved."""
        self.texts = dict(self.kept)

    def save(self, *, over: bool = False) -> list[str]:
        """Write changed files into the folder, each whole or not at all; return which.

        Raises OvertakenError, with nothing written, where somebody else has changed one of them since it was read,
        unless it is to be written `over`; and WorkspaceError.
        """
        if self.folder is None:
            raise WorkspaceError("these texts do not come from a folder")
        changed = self.changed
        overtaken = [] if over else [path for path in changed if self._on_disk(path) != self.kept.get(path)]
        if overtaken:
            raise OvertakenError(overtaken)
        for path in changed:
            text = self.texts.get(path)
            if text is not None:
                _write(self._target(path), text)
                self.kept[path] = text
        return changed

    def take(self, paths: Iterable[str]) -> None:
        """Take these files as they are on the disk now. Raises WorkspaceError."""
        for path in paths:
            now = self._on_disk(path)
            for side in (self.kept, self.texts):
                if now is None:
                    side.pop(path, None)
                else:
                    side[path] = now

    def follow(self) -> list[str]:
        """Take what is other on the disk than it was read and was not edited here; return which files those are.

        What was edited stays, to be asked about when it is saved. Raises WorkspaceError.
        """
        if self.folder is None:
            return []
        now, mine = open_folder(self.folder).kept, set(self.changed)
        other = [path for path in sorted({*self.kept, *now} - mine) if self.kept.get(path) != now.get(path)]
        self.take(other)
        return other

    def _target(self, path: str) -> Path:
        return (self.folder or Path()).joinpath(*PurePosixPath(path).parts)

    def _on_disk(self, path: str) -> str | None:
        target = self._target(path)
        return _read(target) if target.exists() else None


def open_folder(folder: Path) -> Workspace:
    """Read the policy files of a folder as the service does: YAML, hidden files and folders left out.

    Raises WorkspaceError.
    """
    return Workspace(folder, {name: _read(path) for name, path in _files(folder).items()})


def stamps_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return when the policy files of a folder were written last, in nanoseconds since 1970, and their bytes.

    So one sees without reading them whether any has changed. Raises WorkspaceError.
    """
    try:
        found = {name: path.stat() for name, path in _files(folder).items()}
    except OSError as error:
        raise WorkspaceError(f"cannot read `{folder}`: {error.strerror or error}") from error
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found.items()}


def of_texts(texts: Mapping[str, str]) -> Workspace:
    """Return texts that come from the service."""
    return Workspace(None, dict(texts))


def _files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    if not folder.is_dir():
        # A share that is away is no folder without files.
        raise WorkspaceError(f"cannot read `{folder}`: there is no such folder")
    try:
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.suffix in SUFFIXES and not any(part.startswith(".") for part in parts) and path.is_file():
                found["/".join(parts)] = path
                if len(found) > _MOST_FILES:
                    raise WorkspaceError(f"`{folder}` has more than {_MOST_FILES} files; is it the policy folder?")
    except OSError as error:
        raise WorkspaceError(f"cannot read `{folder}`: {error.strerror or error}") from error
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"`{path}` is not UTF-8") from error
    except OSError as error:
        raise WorkspaceError(f"cannot read `{path}`: {error.strerror or error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as made:
            made.write(text)
            made.flush()
            os.fsync(made.fileno())
        if path.exists():
            Path(made.name).chmod(path.stat().st_mode)
        Path(made.name).replace(path)
    except OSError as error:
        raise WorkspaceError(f"cannot write `{path}`: {error.strerror or error}") from error
