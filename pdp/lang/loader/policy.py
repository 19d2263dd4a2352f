"""Reads `Policy` documents."""

from __future__ import annotations

from typing import Any

from pdp.lang.loader import names
from pdp.lang.loader.attributes import AttributeTable
from pdp.lang.loader.builtins import SUPPLIED
from pdp.lang.loader.dictionary import read_mask_use
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, Sequence, entry_span
from pdp.lang.loader.reader import Reader, Record, Shape
from pdp.lang.loader.report import quote
from pdp.lang.model import Effect, MaskRef, MaskSpec, Obligation, Policy, Rule, ScopeClause, Selector, Variable
from pdp.source import SourceText, Span
from pdp.values import AttributeType

MIN_PRIORITY, MAX_PRIORITY = -1000, 1000
_DOCUMENT = Shape("Policy document", "kind id rules", "title scope variables")
_RULE = Shape("rule", "id fields", "title when except unmask mask priority obligations")
_SELECTOR = Shape("selector", "", "level category tag")
_OBLIGATION = Shape("obligation", "type", others=True)
_ALL = "all"
_DEFAULT_MASK = "default"


class PolicyReader:
    """Reads policies; `attributes` must hold all declarations."""

    def __init__(self, reader: Reader, attributes: AttributeTable) -> None:
        self.policies: list[Policy] = []
        self._reader = reader
        self._attributes = attributes
        self._seen: dict[str, Span] = {}

    def read(self, document: MappingNode) -> None:
        """Take in a `Policy` document."""
        record = self._reader.record(document, _DOCUMENT)
        if record is None:
            return
        policy_id = record.name("id", names.POLICY)
        title = record.label("title")
        scope = self._scope(record)
        variables = self._variables(record)
        seen: dict[str, Span] = {}
        rules = [rule for item in record.items("rules") if (rule := self._rule(item, seen)) is not None]
        if policy_id is None:
            return
        message = f"the policy id {quote(policy_id)} is used twice"
        if self._reader.is_new(self._seen, policy_id, record.span("id"), message, "duplicate-document"):
            policy = Policy(policy_id, title, scope, variables, tuple(rules), document.span)
            self.policies.append(policy)

    def _scope(self, record: Record) -> tuple[ScopeClause, ...]:
        clauses = []
        for name, (key, node) in record.entries("scope").items():
            attribute = self._attributes.lookup(name, key)
            if attribute is None:
                continue
            if name in SUPPLIED:
                message = f"{quote(name)} cannot stand in a scope"
                self._reader.error("bad-scope", message, key, "write it in the `when` of the rules")
                continue
            if attribute.type.is_list or attribute.type is AttributeType.STRING_MAP:
                message = f"{quote(name)} is of type `{attribute.type.value}` and cannot stand in a scope"
                self._reader.error("bad-scope", message, key, "write it in the `when` of the rules, with `in`")
                continue
            nodes = node.items if isinstance(node, Sequence) else [node]
            if not nodes:
                message = f"the scope of {quote(name)} is an empty list, so it never holds"
                self._reader.error("bad-scope", message, node, "leave the attribute out")
            seen: dict[Any, Span] = {}
            for item in nodes:
                value = self._attributes.value(attribute, item)
                message = f"{quote(str(value))} is listed twice"
                if value is not None:
                    self._reader.is_new(seen, value, item.span, message, "duplicate-value")
            if seen:
                span = entry_span((key, node))
                clauses.append(ScopeClause(name, tuple(seen), span, tuple(seen.values())))
        return tuple(clauses)

    def _variables(self, record: Record) -> tuple[Variable, ...]:
        variables = []
        for name, (key, node) in record.entries("variables").items():
            expression = self._reader.expression(node, quote(name))
            if self._reader.is_name(name, key, names.VARIABLE) and expression is not None:
                variables.append(Variable(name, expression, entry_span((key, node))))
        return tuple(variables)

    def _rule(self, node: Node, seen: dict[str, Span]) -> Rule | None:
        """Return a rule; what is wrong in it is reported and left out.

        # INVARIANT: a set with errors is never used, so leaving out a clause cannot widen a rule.
        """
        record = self._reader.record(node, _RULE, "a rule")
        if record is None:
            return None
        rule_id = record.name("id", names.RULE)
        title = record.label("title")
        when = self._when(record)
        fields = self._selectors(record, "fields")
        excluded = self._selectors(record, "except")
        verdict = self._verdict(record)
        priority = record.whole("priority", 0, MIN_PRIORITY, MAX_PRIORITY)
        obligations = tuple(filter(None, map(self._obligation, record.items("obligations"))))
        if rule_id is None or verdict is None:
            return None
        message = f"the rule id {quote(rule_id)} is used twice in this policy"
        if not self._reader.is_new(seen, rule_id, record.span("id"), message):
            return None
        effect, mask = verdict
        return Rule(rule_id, title, when, fields, excluded, effect, mask, priority, obligations, node.span)

    def _when(self, record: Record) -> tuple[SourceText, ...]:
        node = record.get("when")
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            expression = self._reader.expression(node, "`when`")
            return () if expression is None else (expression,)
        if not node.items:
            hint = "leave `when` out of a rule that always applies"
            self._reader.error("bad-value", "`when` is an empty list", node, hint)
        found = (self._reader.expression(item, "an item of `when`") for item in node.items)
        return tuple(expression for expression in found if expression is not None)

    def _selectors(self, record: Record, key: str) -> tuple[Selector, ...]:
        node = record.get(key)
        if node is None:
            return ()
        if isinstance(node, Scalar) and node.value == _ALL and key == "fields":
            return (Selector(node.span),)
        hint = "write `all`, or a list such as `[mobile, {category: contact}]`" if key == "fields" else ""
        items = self._reader.items(node, f"`{key}`", hint)
        if not items and isinstance(node, Sequence):
            self._reader.error("bad-value", f"`{key}` is an empty list", node, "name a field or a selector")
        return tuple(filter(None, (self._selector(item, key) for item in items)))

    def _selector(self, node: Node, key: str) -> Selector | None:
        if not isinstance(node, MappingNode):
            if isinstance(node, Scalar) and node.value == _ALL and key == "fields":
                return Selector(node.span)
            name = self._reader.name(node, names.FIELD, f"an item of `{key}`")
            return None if name is None else Selector(node.span, id=name)
        record = self._reader.record(node, _SELECTOR)
        if record is None:
            return None
        if not node.entries:
            hint = f"write `{_ALL}` for every field"
            self._reader.error("bad-value", "a selector is empty", node, hint)
            return None
        level = record.choice("level", names.LEVELS) or ""
        category, tag = record.filled("category"), record.filled("tag")
        # INVARIANT: a missing criterion widens a selector, so one with a criterion that cannot be read is dropped.
        if len(node.entries) > sum(map(bool, (level, category, tag))):
            return None
        return Selector(node.span, level=level, category=category, tag=tag)

    def _verdict(self, record: Record) -> tuple[Effect, MaskRef | MaskSpec | None] | None:
        mask, unmask = record.get("mask"), record.get("unmask")
        if mask is not None and unmask is not None:
            self._reader.error("bad-value", "a rule cannot both mask and unmask", record.key("unmask"), "leave one out")
            return None
        if unmask is not None:
            value = self._reader.flag(unmask, "`unmask`")
            if value is False:
                hint = "write `mask: default` for a rule that masks"
                self._reader.error("bad-value", "`unmask` can only be `true`", unmask, hint)
            return (Effect.UNMASK, None) if value else None
        if mask is None:
            hint = "add `unmask: true` or `mask: …`"
            self._reader.error("missing-key", "the rule neither masks nor unmasks", record.node, hint)
            return None
        if isinstance(mask, Scalar) and mask.value == _DEFAULT_MASK:
            return Effect.MASK, None
        return Effect.MASK, read_mask_use(self._reader, mask)

    def _obligation(self, node: Node) -> Obligation | None:
        if not isinstance(node, MappingNode):
            kind = self._reader.name(node, names.OBLIGATION, "an item of `obligations`")
            return None if kind is None else Obligation(kind, {}, node.span)
        record = self._reader.record(node, _OBLIGATION)
        kind = record.name("type", names.OBLIGATION) if record else None
        parameters = {}
        for key, (_, value) in node.entries.items():
            text = self._reader.text(value, f"`{key}`") if key != "type" else None
            if text is not None:
                parameters[key] = text
        return None if kind is None else Obligation(kind, parameters, node.span)
