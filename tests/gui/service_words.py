"""The sentences of the service, read out of its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# What a sentence is put into before it is told.
_NAMES: Final = frozenset(
    {"message", "message_text", "hint", "problem", "text", "reason", "because", "what", "otherwise"}
)
_CALLS: Final = frozenset({
    "error", "warning", "fatal", "Diagnostic", "Related", "Issue", "Violation", "Problem", "_near",
})  # fmt: skip
_WORDY: Final = re.compile(r"[a-z]{2,} [a-z`{(]|[a-z`}] [a-z]{2,}")


def templates(file: Path) -> set[str]:
    """Return each text of a file, names and numbers in it as `{}`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {text for node in ast.walk(tree) if (text := _template(node)) is not None}


def told(file: Path) -> dict[str, int]:
    """Return the sentences of a file that are raised, reported or made ready for that, with their lines."""
    found: dict[str, int] = {}
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for place in _places(node):
            for inner in _texts(place):
                text = _template(inner)
                if text is not None and _WORDY.search(text):
                    found.setdefault(text, inner.lineno)
    return found


def _places(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        yield from node.exc.args
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _CALLS or name.endswith("Error"):
            yield from node.args
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in _NAMES:
            yield node.value


def _texts(place: ast.expr) -> Iterator[ast.expr]:
    """Return the texts that an expression comes to, not those within one that is put together."""
    if isinstance(place, ast.IfExp):
        yield from _texts(place.body)
        yield from _texts(place.orelse)
    elif isinstance(place, ast.BoolOp):
        for value in place.values:
            yield from _texts(value)
    elif isinstance(place, ast.Constant | ast.JoinedStr):
        yield place


def _template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None
