"""The Python module that a policy set is compiled to: readable, deterministic, and shown in tracebacks.

`evaluate` tries the rules that no attribute indexes, finds the block of rules for the values of the indexed attributes
and calls it. A block is given what `evaluate` has read, reads what else its rules need, and appends the index of each
rule that holds to `hits`; a rule that plain Python could not settle goes to `slow`, for `exact`.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdp.engine import runtime
from pdp.engine.codegen import Codegen, attribute_variable, clock_readings, used_first
from pdp.engine.exact import Evaluator
from pdp.engine.grants import NO_GRANT
from pdp.engine.index import Entry, Group, build_groups
from pdp.engine.request import KINDS, SCALAR_KINDS, reader, zero_reader
from pdp.engine.rules import CompiledRule
from pdp.errors import UndecidedError
from pdp.values import AttributeType

_PARAMETERS = "subject, action, resource, context, now, grant, hits, slow"
_BUILTINS = {
    "subject.id": "subject.id or MISSING",
    "subject.roles": "tuple(subject.roles[:])",
    "action.name": "action.name or MISSING",
    "resource.type": "resource.type or MISSING",
    "resource.id": "resource.id or MISSING",
    "now": "now",
}
_MAPS = {
    "subject_map": "subject.attributes",
    "action_map": "action.attributes",
    "resource_map": "resource.attributes",
}

Evaluate = Callable[[Any, Any, Any, Any, int, Any, list[int], list[int]], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The declared attributes: type and default (MISSING for none) by dotted name.

    `typed` says that requests hold attributes as values of `pdp.values`, as in `engine.typed`, and not as messages.
    """

    types: Mapping[str, AttributeType]
    defaults: Mapping[str, Any]
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """Compiled code: `plain` for rules without grants, `granted` for those that ask for one (None: there are none).

    `ungranted` is for those of the latter that may hold without a grant, such as `!grant.active`.
    """

    source: str
    plain: Evaluate
    granted: Evaluate | None
    ungranted: Evaluate | None


def assemble(rules: Sequence[CompiledRule], schema: Schema, label: str) -> Compiled:
    """Compile rules. The same rules give the same source, character by character."""
    module = _Module(schema, label)
    plain = [rule for rule in rules if not rule.needs_grant]
    granted = [rule for rule in rules if rule.needs_grant]
    module.function("evaluate", build_groups(plain))
    if granted:
        module.function("evaluate_granted", build_groups(granted))
    ungranted = [rule for rule in granted if _may_hold_without_grant(rule)]
    if ungranted:
        module.function("evaluate_ungranted", build_groups(ungranted))
    namespace = module.run()
    functions = (namespace.get(name) for name in ("evaluate_granted", "evaluate_ungranted"))
    return Compiled(module.source, namespace["evaluate"], *functions)


def assemble_few(rules: Sequence[CompiledRule], schema: Schema, label: str) -> Evaluate:
    """Compile rules that are looked at without an index, whether they ask for a grant or not."""
    module = _Module(schema, label)
    entries = tuple([Entry(rule, rule.conditions) for rule in rules])
    module.function("evaluate", [Group((), None, {(): entries})])
    evaluate: Evaluate = module.run()["evaluate"]
    return evaluate


def _may_hold_without_grant(rule: CompiledRule) -> bool:
    """Return whether a rule that asks for a grant can apply to a request without one."""

    def attribute(name: str) -> Any:
        root, _, key = name.partition(".")
        return getattr(NO_GRANT, key) if root == "grant" else runtime.MISSING

    evaluator = Evaluator(attribute, rule.variables)
    # A condition that is false with all else missing is false whatever the request holds.
    return all(evaluator.clause(condition.expr) is not False for condition in rule.conditions)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What has been read into local variables, and the lines that read what the caller had not."""

    maps: frozenset[str]
    attributes: frozenset[str]
    clock: Mapping[tuple[str, str], str]
    lines: tuple[str, ...]

    @property
    def variables(self) -> list[str]:
        """The Python names, in a fixed order."""
        return [*sorted(self.maps), *map(attribute_variable, sorted(self.attributes)), *self.clock.values()]


_NOTHING = _Scope(frozenset(), frozenset(), {}, ())


def assemble_rule(rule: CompiledRule, schema: Schema) -> Callable[..., list[int] | None]:
    """Compile one rule for the exact evaluation.

    The function takes the parties of a decision and returns None when a conjunct is false, else the places of the
    conjuncts that raised.
    """
    module = _Module(schema, f"exact rule {rule.name}")
    module.conjuncts("conjuncts", rule)
    function: Callable[..., list[int] | None] = module.run()["conjuncts"]
    return function


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
        self._clock: dict[tuple[str, str], str] = {}

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
        # At most one group has no attributes, and it has one key.
        always = [entry for group in groups if not group.attributes for entry in group.table[()]]
        scope = self._scope(always, (attribute for group in groups for attribute in group.attributes))
        body = [*scope.lines, *(line for entry in always for line in self._rule(entry, scope))]
        given = "".join(f", {variable}" for variable in scope.variables)
        for group in groups:
            if not group.attributes:
                continue
            number = self._groups
            self._groups += 1
            self._write_table(number, group, self._write_blocks(group, scope))
            self._namespace[f"possible_{number}"] = group.possible
            values = "".join(attribute_variable(a) + ", " for a in group.attributes)
            call = f"block({_PARAMETERS}{given})"
            if group.list_attribute is None:
                look = [f"        block = TABLE_{number}.get({_key(map(attribute_variable, group.attributes))})"]
                use = ["        if block is not None:", f"            {call}"]
            else:
                item = _key("item" if a == group.list_attribute else attribute_variable(a) for a in group.attributes)
                items = f"set({attribute_variable(group.list_attribute)})"
                look = [f"        blocks = [TABLE_{number}.get({item}) for item in {items}]"]
                use = ["        for block in blocks:", "            if block is not None:", f"                {call}"]
            body += [
                "    try:",
                *look,
                "    except UndecidedError:",
                f"        slow.extend(possible_{number}(({values})))",
                "    else:",
                *use,
            ]
        self._lines += [f"def {name}({_PARAMETERS}):", *(body or ["    pass"]), "", ""]

    def conjuncts(self, name: str, rule: CompiledRule) -> None:
        """Write a function that tries each conjunct of a rule on its own."""
        codegen = Codegen(rule.variables)
        self._lines.append(f"def {name}(subject, action, resource, context, now, grant):")
        self._lines += self._scope((), {a for c in rule.conditions for a in c.attributes}).lines
        self._lines.append("    doubtful = []")
        for place, condition in enumerate(rule.conditions):
            self._lines += [
                "    try:",
                f"        if not {codegen.condition(condition.expr)}:",
                "            return None",
                "    except UndecidedError:",
                f"        doubtful.append({place})",
            ]
        self._lines += ["    return doubtful", ""]

    def _write_table(self, number: int, group: Group, blocks: Mapping[tuple[int, ...], str]) -> None:
        self._lines += [f"# by {', '.join(group.attributes)}", f"TABLE_{number} = {{"]
        for key, entries in group.table.items():
            self._lines.append(f"    {_key(map(ascii, key))}: {blocks[_indices(entries)]},")
        self._lines += ["}", ""]

    def _write_blocks(self, group: Group, outer: _Scope) -> dict[tuple[int, ...], str]:
        """Write one function for each different list of rules in a group."""
        names: dict[tuple[int, ...], str] = {}
        for entries in group.table.values():
            indices = _indices(entries)
            if indices not in names:
                names[indices] = f"block_{self._blocks}"
                self._blocks += 1
                self._write_block(names[indices], entries, outer)
        return names

    def _write_block(self, name: str, entries: Sequence[Entry], outer: _Scope) -> None:
        scope = self._scope(entries, (), outer)
        given = "".join(f", {variable}" for variable in outer.variables)
        self._lines += [f"def {name}({_PARAMETERS}{given}):", *scope.lines]
        for entry in entries:
            self._lines += self._rule(entry, scope)
        self._lines += ["", ""]

    def _rule(self, entry: Entry, scope: _Scope) -> list[str]:
        rule = entry.rule
        codegen = Codegen(rule.variables, scope.clock)
        conditions = [codegen.condition(condition.expr) for condition in entry.rest]
        lines = [f"    # {rule.name}"]
        if not conditions:
            return [*lines, f"    hits.append({rule.index})"]
        test = f"        if {' and '.join(conditions)}:"
        lacking = self._often_lacking(entry)
        if lacking is not None:
            # Raising and catching an error takes as long as ten rules.
            lines += [
                "    try:",
                f"        if {attribute_variable(lacking)} is MISSING:",
                f"            slow.append({rule.index})",
                test.replace("if", "elif", 1),
            ]
        else:
            lines += ["    try:", test]
        return [
            *lines,
            f"            hits.append({rule.index})",
            "    except UndecidedError:",
            f"        slow.append({rule.index})",
        ]

    def _often_lacking(self, entry: Entry) -> str | None:
        """Return an attribute that the rule cannot do without and that not every request has, if there is one.

        That is one of the resource: rules about a transaction are tried for customers too.
        """
        for name in used_first(entry.rest[0].expr, entry.rule.variables):
            if name.startswith("resource.") and name not in _BUILTINS and name not in self._schema.defaults:
                return name
        return None

    def _scope(self, entries: Iterable[Entry], names: Iterable[str], outer: _Scope | None = None) -> _Scope:
        """Return what rules and an index need to have read, less what the caller has."""
        wanted = set(names)
        readings: Counter[tuple[str, str]] = Counter()
        for entry in entries:
            for condition in entry.rest:
                wanted |= condition.attributes
                if "now" in condition.attributes:
                    readings.update(clock_readings(condition.expr, entry.rule.variables))
        known = outer or _NOTHING
        clock = dict(known.clock)
        # One reading may not be needed at all, when an earlier condition of its rule is false.
        for reading in sorted(r for r, count in readings.items() if count > 1 and r not in clock):
            clock[reading] = self._clock.setdefault(reading, f"now_{reading[0]}_{len(self._clock)}")
        attributes = wanted - known.attributes
        maps = {n.partition(".")[0] + "_map" for n in attributes if n not in _BUILTINS} & _MAPS.keys() - known.maps
        lines = [f"    {name} = {_MAPS[name]}" for name in sorted(maps)]
        lines += [f"    {attribute_variable(name)} = {self._read(name)}" for name in sorted(attributes)]
        lines += [
            f"    {variable} = {function}(now, {zone!r})"
            for (function, zone), variable in clock.items()
            if (function, zone) not in known.clock
        ]
        return _Scope(known.maps | maps, known.attributes | attributes, clock, tuple(lines))

    def _read(self, name: str) -> str:
        if name in _BUILTINS:
            return "subject.roles" if self._schema.typed and name == "subject.roles" else _BUILTINS[name]
        root, _, key = name.partition(".")
        if root == "grant":
            return f"grant.{key}"
        kind = self._schema.types[name]
        fallback = f"read_{name.replace('.', '_')}"
        default = self._schema.defaults.get(name, runtime.MISSING)
        source = "context" if root == "context" else f"{root}_map"
        if self._schema.typed:
            unread = f"default_{name.replace('.', '_')}"
            self._namespace[unread] = default
            return f"{source}.get({key!r}, {unread})"
        make = zero_reader if kind in SCALAR_KINDS else reader
        self._namespace[fallback] = make(kind, default)
        read = f"{fallback}({source}, {key!r})"
        # The usual value is not the type's zero, and then its kind needs no look.
        return f"{source}[{key!r}].{KINDS[kind]} or {read}" if kind in SCALAR_KINDS else read


def _key(values: Iterable[str]) -> str:
    """Return the text of a table's key: one value by itself, several as a tuple."""
    texts = list(values)
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _indices(entries: Iterable[Entry]) -> tuple[int, ...]:
    return tuple(entry.rule.index for entry in entries)
