"""What changed in rules and in the policies that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pdp.control.changes import words
from pdp.control.changes.expressions import Expressions
from pdp.control.changes.sides import NamedRule, Side, who
from pdp.v1 import bundle_pb2, control_pb2, types_pb2

_RULE, _POLICY = control_pb2.CHANGE_SUBJECT_RULE, control_pb2.CHANGE_SUBJECT_POLICY
_ADDED, _REMOVED, _CHANGED = (
    control_pb2.CHANGE_KIND_ADDED,
    control_pb2.CHANGE_KIND_REMOVED,
    control_pb2.CHANGE_KIND_CHANGED,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How what must hold changed: whether it may hold no longer where it did, or holds now where it did not."""

    narrowed: bool = False
    widened: bool = False


ANY = Reach(narrowed=True, widened=True)
_UNCHANGED = Reach()


def may_unmask(before: Side, after: Side, name: str, reach: Reach) -> bool:
    """Whether a rule can be why a field that was masked is clear now; see `pdp.control.changes`."""
    old, new = before.rules.get(name), after.rules.get(name)
    if new is not None and new.unmasks:
        shown = set(new.fields)
        if old is not None and old.unmasks and not reach.widened and new.rule.priority <= old.rule.priority:
            shown.difference_update(old.fields)
        if any(after.unmaskable(field) for field in shown):
            return True
    if old is None or old.unmasks:
        return False
    freed = set(old.fields)
    if new is not None and not new.unmasks and not reach.narrowed and new.rule.priority >= old.rule.priority:
        freed.difference_update(new.fields)
    return any(after.shows_below(field, old.rule.priority) for field in freed)


class Rules:
    """Compares the rules and policies of two sides."""

    def __init__(self, before: Side, after: Side, expressions: Expressions) -> None:
        self._before = before
        self._after = after
        self._expressions = expressions
        self._variables = {
            policy: self._changed_variables(policy) for policy in before.policies.keys() & after.policies.keys()
        }

    def changes(self) -> Iterator[control_pb2.MeaningChange]:
        """Yield what changed in rules."""
        for name in self._before.rules.keys() | self._after.rules.keys():
            old, new = self._before.rules.get(name), self._after.rules.get(name)
            if new is None and old is not None:
                yield self._one_sided(name, old, _REMOVED)
            elif old is None and new is not None:
                yield self._one_sided(name, new, _ADDED)
            elif old is not None and new is not None and (change := self._changed(name, old, new)) is not None:
                yield change

    def _one_sided(self, name: str, found: NamedRule, kind: control_pb2.ChangeKind) -> control_pb2.MeaningChange:
        added = kind == _ADDED
        sentence = found.rule.sentence
        return control_pb2.MeaningChange(
            subject=_RULE,
            id=name,
            kind=kind,
            title=found.rule.title,
            parts=[words.part("sentence", None if added else sentence, sentence if added else None)],
            fields=found.fields,
            who=who([(self._after if added else self._before, name)]),
            may_unmask=may_unmask(self._before, self._after, name, ANY),
        )

    def _changed(self, name: str, old: NamedRule, new: NamedRule) -> control_pb2.MeaningChange | None:
        before, after = old.rule, new.rule
        parts: list[control_pb2.ChangedPart] = []
        reach = self._reach(name, old.policy.id)
        if reach != _UNCHANGED:
            parts.append(words.part("when", *self._conditions(name, old, new)))
        gone, come = set(old.fields).difference(new.fields), set(new.fields).difference(old.fields)
        if gone or come:
            said = words.fields(self._before, old.fields, gone), words.fields(self._after, new.fields, come)
            parts.append(words.part("fields", *said))
        others = list(self._other_parts(before, after))
        parts += others
        # Where nothing but its fields changed, a rule says of the others what it said before.
        concerned = gone | come
        if reach != _UNCHANGED or any(part.part != "title" for part in others):
            concerned = {*old.fields, *new.fields}
        if not parts:
            return None
        return control_pb2.MeaningChange(
            subject=_RULE,
            id=name,
            kind=_CHANGED,
            title=after.title,
            parts=parts,
            fields=sorted(concerned),
            who=who([(self._before, name), (self._after, name)]) if concerned else None,
            may_unmask=may_unmask(self._before, self._after, name, reach),
        )

    def _other_parts(self, before: bundle_pb2.Rule, after: bundle_pb2.Rule) -> Iterator[control_pb2.ChangedPart]:
        if before.effect != after.effect:
            yield words.part("effect", words.effect(before.effect), words.effect(after.effect))
        if before.effect == after.effect and not same_mask(before.mask, after.mask):
            yield words.part("mask", *_masks(before, after))
        if before.priority != after.priority:
            yield words.part("priority", words.same(str(before.priority)), words.same(str(after.priority)))
        if before.obligations != after.obligations:
            yield words.part("obligations", words.obligations(before.obligations), words.obligations(after.obligations))
        if before.title != after.title:
            yield words.part("title", before.title, after.title)

    # Conditions

    def _changed_variables(self, policy: str) -> frozenset[str]:
        old, new = self._before.variables(policy), self._after.variables(policy)
        of, shape = self._expressions.of, self._expressions.shape
        if old.keys() == new.keys() and all(of(old[name]) is of(new[name]) for name in old):
            return frozenset()
        return frozenset(
            f"vars.{name}" for name in old.keys() & new.keys() if shape(of(old[name]), old) != shape(of(new[name]), new)
        )

    def _reach(self, name: str, policy: str) -> Reach:
        """Return how a rule's own conditions changed, its policy's scope apart."""
        before, after = ([clause.expression for clause in side.clauses(name)] for side in (self._before, self._after))
        same = {*before} & {*after}
        if changed := self._variables[policy]:
            same -= {expression for expression in after if changed & expression.names}
        gone = [expression for expression in before if expression not in same]
        come = [expression for expression in after if expression not in same]
        if not gone and not come:
            return _UNCHANGED
        asked, asks = self._before.variables(policy), self._after.variables(policy)
        return Reach(
            narrowed=any(not self._expressions.among(expression, asks, before, asked) for expression in come),
            widened=any(not self._expressions.among(expression, asked, after, asks) for expression in gone),
        )

    def _conditions(
        self, name: str, old: NamedRule, new: NamedRule
    ) -> tuple[types_pb2.LocalizedText, types_pb2.LocalizedText]:
        """Return the conditions before and after in words, as CEL where words do not tell them apart."""
        said = [words.all_said(side.clauses(name), words.ALWAYS) for side in (self._before, self._after)]
        if said[0] != said[1]:
            return said[0], said[1]
        texts = [" && ".join(clause.text for clause in found.rule.when) for found in (old, new)]
        if texts[0] == texts[1]:
            for position, side in enumerate((self._before, self._after)):
                variables = side.variables(old.policy.id)
                given = (
                    f"{name}: {variables[name.removeprefix('vars.')].text}"
                    for name in sorted(self._variables[old.policy.id])
                )
                texts[position] = "; ".join([texts[position], *given])
        return words.same(texts[0]), words.same(texts[1])

    # Policies

    def policies(self) -> Iterator[control_pb2.MeaningChange]:
        """Yield what changed in policies. One that came or went says so; what that means, its rules say."""
        for name in self._before.policies.keys() | self._after.policies.keys():
            old, new = self._before.policies.get(name), self._after.policies.get(name)
            if old is None or new is None:
                found = new or old
                assert found is not None  # noqa: S101 - it is on one side
                scope = _scope(found)
                yield control_pb2.MeaningChange(
                    subject=_POLICY,
                    id=name,
                    kind=_REMOVED if new is None else _ADDED,
                    title=found.title,
                    parts=[words.part("scope", scope if new is None else None, scope if new is not None else None)],
                )
            elif (change := self._policy(old, new)) is not None:
                yield change

    def _policy(self, old: bundle_pb2.Policy, new: bundle_pb2.Policy) -> control_pb2.MeaningChange | None:
        parts = []
        reach = _scope_reach(_values(old), _values(new))
        change = control_pb2.MeaningChange(subject=_POLICY, id=new.id, kind=_CHANGED, title=new.title)
        if reach != _UNCHANGED:
            parts.append(words.part("scope", _scope(old), _scope(new)))
            kept = {f"{old.id}/{rule.id}" for rule in old.rules} & {f"{new.id}/{rule.id}" for rule in new.rules}
            concern(change, self._before, self._after, kept, reach)
        if old.title != new.title:
            parts.append(words.part("title", old.title, new.title))
        change.parts.extend(parts)
        return change if parts else None


def concern(
    change: control_pb2.MeaningChange, before: Side, after: Side, names: Iterable[str], reach: Reach = ANY
) -> None:
    """Write into a change whom it concerns, when it changes where the rules of these names hold."""
    rules = sorted(names)
    pairs = [(side, name) for name in rules for side in (before, after) if name in side.rules]
    change.fields.extend(sorted({field for side, name in pairs for field in side.rules[name].fields}))
    if (said := who(pairs)) is not None:
        change.who.CopyFrom(said)
    change.may_unmask = any(may_unmask(before, after, name, reach) for name in rules)


def same_mask(before: types_pb2.Mask, after: types_pb2.Mask) -> bool:
    """Whether two masks are the same as far as whoever names them goes: a named one may have changed itself."""
    if before.name or after.name:
        return before.name == after.name
    return before == after


def _masks(before: bundle_pb2.Rule, after: bundle_pb2.Rule) -> tuple[types_pb2.LocalizedText, types_pb2.LocalizedText]:
    if before.HasField("mask") and after.HasField("mask"):
        return words.masks(before.mask, after.mask)
    old, new = (words.mask(r.mask) if r.HasField("mask") else words.DEFAULT_MASK for r in (before, after))
    return old, new


def _scope(policy: bundle_pb2.Policy) -> types_pb2.LocalizedText:
    return words.all_of((clause.sentence for clause in policy.scope), words.EVERY_REQUEST)


def _values(policy: bundle_pb2.Policy) -> Mapping[str, frozenset[bytes]]:
    return {
        clause.attribute: frozenset(value.SerializeToString(deterministic=True) for value in clause.values)
        for clause in policy.scope
    }


def _scope_reach(before: Mapping[str, frozenset[bytes]], after: Mapping[str, frozenset[bytes]]) -> Reach:
    return Reach(
        narrowed=any(name not in before or before[name] - values for name, values in after.items()),
        widened=any(name not in after or after[name] - values for name, values in before.items()),
    )
