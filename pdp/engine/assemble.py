"""The Python module that a policy set is compiled to: readable, deterministic, and shown in tracebacks.

`evaluate` reads the indexed attributes, finds the block of rules for their values and calls it. A block reads the
attributes that its rules need and appends the index of each rule that holds to `hits`; a rule that plain Python could
not settle goes to `slow`, for `exact`.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdp.engine import runtime
from pdp.engine.codegen import Codegen, attribute_variable
from pdp.engine.index import Entry, Group, build_groups
from pdp.engine.request import KINDS, SCALAR_KINDS, reader
from pdp.engine.rules import CompiledRule
from pdp.errors import UndecidedError
from pdp.lang.expr import Expr, attributes_of
from pdp.values import AttributeType

_PARAMETERS = "subject, action, resource, context, now, grant, hits, slow"
_BUILTINS = {
    "subject.id": "subject.id or MISSING",
    "subject.roles": "tuple(subject.roles)",
    "action.name": "action.name or MISSING",
    "resource.type": "resource.type or MISSING",
    "resource.id": "resource.id or MISSING",
    "now": "now",
}
_MAPS = {"subject": "subject.attributes", "action": "action.attributes", "resource": "resource.attributes"}

Evaluate = Callable[[Any, Any, Any, Any, int, Any, list[int], list[int]], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The declared attributes: type and default (MISSING for none) by dotted name."""

    types: Mapping[str, AttributeType]
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Compiled code: `plain` for rules without grants, `granted` for those that ask for one (None: there are none)."""

    source: str
    plain: Evaluate
    granted: Evaluate | None


def assemble(rules: Sequence[CompiledRule], schema: Schema, label: str) -> Compiled:
    """Compile rules. The same rules give the same source, character by character."""
    module = _Module(schema, label)
    plain = [rule for rule in rules if not rule.needs_grant]
    granted = [rule for rule in rules if rule.needs_grant]
    module.function("evaluate", build_groups(plain))
    if granted:
        module.function("evaluate_granted", build_groups(granted))
    namespace = module.run()
    return Compiled(module.source, namespace["evaluate"], namespace.get("evaluate_granted"))


class _Module:
    def __init__(self, schema: Schema, label: str) -> None:
        self._schema = schema
        self._label = label
        self._lines = [f"# {label}", "# Compiled conditions; the rules' names stand above their code.", ""]
        self._namespace: dict[str, Any] = {
            **runtime.FUNCTIONS,
            "MISSING": runtime.MISSING,
            "UndecidedError": UndecidedError,
            "make_list": runtime.make_list,
            "present": runtime.present,
            "make_map": runtime.make_map,
            "count_true": runtime.count_true,
            "within": runtime.within,
        }
        self._blocks = 0
        self._groups = 0

    @property
    def source(self) -> str:
        return "\n".join(self._lines) + "\n"

    def run(self) -> dict[str, Any]:
        """Execute the module under a name that tracebacks can show lines of."""
        filename = f"<{self._label}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)
        exec(compile(self.source, filename, "exec"), self._namespace)  # noqa: S102 - made here, from checked trees
        return self._namespace

    def function(self, name: str, groups: Sequence[Group]) -> None:
        """Write the entry point of some groups and the blocks it calls."""
        body: list[str] = []
        indexed = sorted({attribute for group in groups for attribute in group.attributes})
        body += self._reads(indexed)
        for group in groups:
            number = self._groups
            self._groups += 1
            blocks = self._write_blocks(group)
            if not group.attributes:
                body += [f"    {block}({_PARAMETERS})" for block in blocks.values()]
                continue
            self._write_table(number, group, blocks)
            self._namespace[f"possible_{number}"] = group.possible
            values = "".join(attribute_variable(a) + ", " for a in group.attributes)
            body += [
                "    try:",
                f"        block = TABLE_{number}.get(({values}))",
                "    except UndecidedError:",
                f"        slow.extend(possible_{number}(({values})))",
                "    else:",
                "        if block is not None:",
                f"            block({_PARAMETERS})",
            ]
        self._lines += [f"def {name}({_PARAMETERS}):", *(body or ["    pass"]), "", ""]

    def _write_table(self, number: int, group: Group, blocks: Mapping[tuple[int, ...], str]) -> None:
        self._lines += [f"# by {', '.join(group.attributes)}", f"TABLE_{number} = {{"]
        for key, entries in group.table.items():
            shown = "(" + "".join(ascii(value) + ", " for value in key) + ")"
            self._lines.append(f"    {shown}: {blocks[_indices(entries)]},")
        self._lines += ["}", ""]

    def _write_blocks(self, group: Group) -> dict[tuple[int, ...], str]:
        """Write one function for each different list of rules in a group."""
        names: dict[tuple[int, ...], str] = {}
        for entries in group.table.values():
            indices = _indices(entries)
            if indices not in names:
                names[indices] = f"block_{self._blocks}"
                self._blocks += 1
                self._write_block(names[indices], entries)
        return names

    def _write_block(self, name: str, entries: Sequence[Entry]) -> None:
        needed = {a for e in entries for expr in e.rest for a in attributes_of(expr, e.rule.variables)}
        self._lines.append(f"def {name}({_PARAMETERS}):")
        self._lines += self._reads(sorted(needed))
        for entry in entries:
            self._lines += self._rule(entry.rule, entry.rest)
        self._lines += ["", ""]

    def _rule(self, rule: CompiledRule, rest: Iterable[Expr]) -> list[str]:
        codegen = Codegen(rule.variables)
        conditions = [codegen.condition(expr) for expr in rest]
        lines = [f"    # {rule.name}"]
        if not conditions:
            return [*lines, f"    hits.append({rule.index})"]
        return [
            *lines,
            "    try:",
            f"        if {' and '.join(conditions)}:",
            f"            hits.append({rule.index})",
            "    except UndecidedError:",
            f"        slow.append({rule.index})",
        ]

    def _reads(self, names: Sequence[str]) -> list[str]:
        """Return the lines that read attributes into local variables."""
        roots = sorted({n.partition(".")[0] for n in names if n not in _BUILTINS} & _MAPS.keys())
        lines = [f"    {root}_map = {_MAPS[root]}" for root in roots]
        for name in names:
            if name != "now":
                lines.append(f"    {attribute_variable(name)} = {self._read(name)}")
            else:
                lines.append(f"    {attribute_variable(name)} = now")
        return lines

    def _read(self, name: str) -> str:
        if name in _BUILTINS:
            return _BUILTINS[name]
        root, _, key = name.partition(".")
        if root == "grant":
            return f"grant.{key}"
        kind = self._schema.types[name]
        fallback = f"read_{name.replace('.', '_')}"
        self._namespace[fallback] = reader(kind, self._schema.defaults.get(name, runtime.MISSING))
        source = "context" if root == "context" else f"{root}_map"
        read = f"{fallback}({source}, {key!r})"
        # The usual value is not the type's zero, and then its kind needs no look.
        return f"{source}[{key!r}].{KINDS[kind]} or {read}" if kind in SCALAR_KINDS else read


def _indices(entries: Iterable[Entry]) -> tuple[int, ...]:
    return tuple(entry.rule.index for entry in entries)
