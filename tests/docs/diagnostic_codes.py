"""Every diagnostic code that the policy language can report, read out of its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LANG = Path(__file__).parents[2] / "pdp" / "lang"

# Where a call says its code, and how bad that is; None: the first argument of a Diagnostic says it.
_CALLS: dict[str, tuple[int, str | None]] = {
    "error": (0, "error"),
    "warning": (0, "warning"),
    "Diagnostic": (1, None),
    "Issue": (2, "error"),
    "LoweringError": (1, "error"),
    "_BoundError": (0, "error"),
    "is_new": (4, "error"),
}


def declared() -> set[tuple[str, str]]:
    """Return codes with their severities (`error`, `warning`, `info`)."""
    return {pair for path in LANG.rglob("*.py") for pair in _codes(ast.parse(path.read_text(encoding="utf-8")))}


def _codes(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
            position, severity = _CALLS.get(name, (len(node.args), None))
            if position < len(node.args):
                found = severity or getattr(node.args[0], "attr", "").lower()
                # A severity or code that is passed on has been read where it comes from.
                yield from ((code, found) for code in _values(node.args[position], module) if found)
        elif isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args][-len(node.args.defaults) or None :]
            for name, default in zip(names, node.args.defaults, strict=False):
                if name == "code":
                    yield from ((code, "error") for code in _values(default, module))


def _values(node: ast.expr, module: ast.Module) -> Iterator[str]:
    """Yield the texts that an expression can be."""
    match node:
        case ast.Constant(value=str() as text) if text:
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _values(body, module)
            yield from _values(orelse, module)
        case ast.JoinedStr(values=[ast.Constant(value=str() as prefix), ast.FormattedValue(value=ast.Name(id=name))]):
            yield from (prefix + rest for rest in _assigned(name, module))
        case ast.Name(id=name):
            yield from _assigned(name, module)


def _assigned(name: str, module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield from _values(node.value, module)
