"""The kinds of values that settings have: how each is written in the file, the environment and on the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pdp.errors import ConfigError, ValueFormatError
from pdp.lang.loader.nodes import Mapping, Node
from pdp.lang.loader.reader import REFUSED, Reader, Shape, is_null, listed
from pdp.server.address import Address, parse_address
from pdp.values import format_timestamp, parse_timestamp

INLINE_SECRET = "inline-secret"  # noqa: S105 - a code
"""The code of the finding whose line must not be shown."""
_MASKED = "********"
_SECRET = Shape("secret", optional="file env")


class Kind(Protocol):
    """One kind of value. `forms` says in Chinese and English how it is written."""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written, zh and en."""

    def parse(self, text: str) -> Any:
        """Return the value of a text of the environment or a flag. Raises ValueFormatError."""

    def read(self, reader: Reader, node: Node, what: str) -> Any:
        """Return the value of a node; None, reported, for anything else."""

    def plain(self, value: Any) -> Any:
        """Return a value as plain data, as it would stand in the file; a secret is masked."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown; `origin` says where it came from."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Secret(origin={self.origin!r})"


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is to be found: a file or an environment variable, the other one empty."""

    file: str
    env: str


class _Textual:
    """What is written as text everywhere."""

    def parse(self, text: str) -> Any:
        """Return the value of a text. Raises ValueFormatError."""
        raise NotImplementedError

    def read(self, reader: Reader, node: Node, what: str) -> Any:
        """Return the value of a node; None, reported, for anything else."""
        text = reader.text(node, what)
        if text is None:
            return None
        try:
            return self.parse(text)
        except ValueFormatError as error:
            reader.error("bad-value", f"{what}: {error}", node)
            return None

    def plain(self, value: Any) -> Any:
        """Return the text."""
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return "`true` 或 `false`", "`true` or `false`"

    def parse(self, text: str) -> bool:
        """Return the value of a text. Raises ValueFormatError."""
        found = {"true": True, "false": False}.get(text.lower())
        if found is None:
            raise ValueFormatError(f"must be `true` or `false`, not `{text}`")
        return found

    def read(self, reader: Reader, node: Node, what: str) -> bool | None:
        """Return the value of a node; None, reported, for anything else."""
        return reader.flag(node, what)

    def plain(self, value: bool) -> bool:
        """Return the value itself."""
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, or a `word` instead of one."""

    low: int
    high: int
    word: str = ""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        zh, en = f"{self.low}–{self.high} 的整数", f"a whole number from {self.low} to {self.high}"
        return (f"{zh}，或 `{self.word}`", f"{en}, or `{self.word}`") if self.word else (zh, en)

    def parse(self, text: str) -> int | str:
        """Return the value of a text. Raises ValueFormatError."""
        if self.word and text == self.word:
            return text
        if not (text.isascii() and text.isdigit() and self.low <= int(text[:20]) <= self.high):
            raise ValueFormatError(f"must be {self.forms[1]}, not `{text}`")
        return int(text)

    def read(self, reader: Reader, node: Node, what: str) -> int | str | None:
        """Return the value of a node; None, reported, for anything else."""
        if not self.word:
            return reader.whole(node, what, self.low, self.high)
        value = reader.plain(node)
        if value == self.word:
            return self.word
        if isinstance(value, str):
            reader.error("bad-value", f"{what} must be {self.forms[1]}, not `{value[:60]}`", node)
            return None
        return reader.whole(node, what, self.low, self.high)

    def plain(self, value: int | str) -> int | str:
        """Return the value itself."""
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds."""

    low: float
    high: float

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return f"{self.low:g}–{self.high:g} 的数", f"a number from {self.low:g} to {self.high:g}"

    def parse(self, text: str) -> float:
        """Return the value of a text. Raises ValueFormatError."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            raise ValueFormatError(f"must be {self.forms[1]}, not `{text}`")
        return value

    def read(self, reader: Reader, node: Node, what: str) -> float | None:
        """Return the value of a node; None, reported, for anything else."""
        value = REFUSED if is_null(node) else reader.plain(node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if value is not REFUSED or is_null(node):
                reader.wrong_type(node, what, "a number")
            return None
        if not self.low <= value <= self.high:
            reader.error("bad-value", f"{what} is {value}, outside {self.low:g} to {self.high:g}", node)
            return None
        return float(value)

    def plain(self, value: float) -> float | int:
        """Return the value, a whole one without its point."""
        return int(value) if value.is_integer() else value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return "、".join(f"`{word}`" for word in self.words), listed(self.words, "or")

    def parse(self, text: str) -> str:
        """Return the value of a text. Raises ValueFormatError."""
        if text not in self.words:
            raise ValueFormatError(f"must be {listed(self.words, 'or')}, not `{text}`")
        return text

    def read(self, reader: Reader, node: Node, what: str) -> str | None:
        """Return the value of a node; None, reported, for anything else."""
        return reader.choice(node, what, {word: word for word in self.words})

    def plain(self, value: str) -> str:
        """Return the value itself."""
        return value


@dataclass(frozen=True, slots=True)
class Text(_Textual):
    """A text that is not empty; in the environment an empty one means none."""

    zh: str = "文本"
    en: str = "text"

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return self.zh, self.en

    def parse(self, text: str) -> str:
        """Return the text. Raises ValueFormatError."""
        if not text:
            raise ValueFormatError("must not be empty; leave it out instead")
        return text


@dataclass(frozen=True, slots=True)
class File(_Textual):
    """The path of a file, with `folder` of a folder, with `either` of any; with `exists` it must be there."""

    folder: bool = False
    exists: bool = True
    either: bool = False

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        if self.either:
            return "文件或文件夹路径", "the path of a file or folder"
        return ("文件夹路径", "the path of a folder") if self.folder else ("文件路径", "the path of a file")

    def parse(self, text: str) -> Path:
        """Return the path. Raises ValueFormatError."""
        if not text or "\0" in text:
            raise ValueFormatError(f"must be {self.forms[1]}, not empty")
        return Path(text)

    def problem(self, path: Path) -> str:
        """Return what keeps a path from being used, or an empty text."""
        if not self.exists:
            return ""
        noun = "file or folder" if self.either else "folder" if self.folder else "file"
        try:
            if self.either and path.exists():
                return ""
            if path.is_dir() if self.folder else path.exists() and not path.is_dir():
                return ""
            return f"`{path}` is not a {noun}" if path.exists() else f"there is no {noun} `{path}`"
        except OSError as error:
            return f"`{path}`: {(error.strerror or str(error)).lower()}"


@dataclass(frozen=True, slots=True)
class Listen(_Textual):
    """An address, or one of some `words` instead."""

    words: tuple[str, ...] = ()
    sockets: bool = True

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        shapes = ["`HOST:PORT`", *(["`unix:PATH`"] if self.sockets else []), *(f"`{word}`" for word in self.words)]
        return "、".join(shapes), ", ".join(shapes[:-1]) + f" or {shapes[-1]}" if len(shapes) > 1 else shapes[0]

    def parse(self, text: str) -> Address | str:
        """Return the address or the word. Raises ValueFormatError."""
        if text in self.words:
            return text
        try:
            found = parse_address(text)
        except ConfigError as error:
            raise ValueFormatError(str(error)) from error
        if found.path and not self.sockets:
            raise ValueFormatError(f"`{text}` is a socket file; write `HOST:PORT`")
        return found


@dataclass(frozen=True, slots=True)
class Moment(_Textual):
    """A point in time, as nanoseconds since 1970."""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return "RFC 3339 时间", "an RFC 3339 time"

    def parse(self, text: str) -> int:
        """Return the nanoseconds. Raises ValueFormatError."""
        return parse_timestamp(text)

    def plain(self, value: int | None) -> str | None:
        """Return the time as text."""
        return None if value is None else format_timestamp(value)


@dataclass(frozen=True, slots=True)
class SecretText:
    """A secret: in the environment the value itself, in the file only where it is to be found."""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        return "`{file: PATH}` 或 `{env: NAME}`", "`{file: PATH}` or `{env: NAME}`"

    def parse(self, text: str) -> Secret:
        """Return the secret that a variable holds. Raises ValueFormatError."""
        if not text:
            raise ValueFormatError("must not be empty; leave it out instead")
        return Secret(text, "environment")

    def read(self, reader: Reader, node: Node, what: str) -> SecretPlace | None:
        """Return where the secret is to be found; None, reported, for anything else."""
        if not isinstance(node, Mapping):
            hint = f"write {self.forms[1]}; a secret must not stand in the file itself"
            # Never `wrong_type`, which would quote it.
            reader.error(INLINE_SECRET, f"{what} is a secret and must be {self.forms[1]}", node, hint)
            return None
        record = reader.record(node, _SECRET, what)
        found = {key: record.filled(key) for key in _SECRET.keys} if record else {}
        if len(node.entries) == 1 and any(found.values()):
            return SecretPlace(**found)
        if len(node.entries) != 1:
            reader.error("bad-value", f"{what} must have one of `file` and `env`", node)
        return None

    def plain(self, value: Secret | None) -> str | None:
        """Return asterisks."""
        return None if value is None else _MASKED
