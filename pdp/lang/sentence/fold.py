"""Draws the statements of one group together: ranges, lists of values, memberships, a grant and its kind."""

from __future__ import annotations

from pdp.lang.expr import AttributeRef, Call, Expr, Literal
from pdp.lang.sentence.celtext import cel_text
from pdp.lang.sentence.formula import Authorised, Compare, Constant, Formula, Group, Holds, Includes, Member, Within

_LOW = frozenset({"gt", "ge"})
_HIGH = frozenset({"lt", "le"})
_COUNTED = frozenset({"int", "timestamp", "duration"})
_MEASURED = _COUNTED | {"double", "dyn"}


def group(op: str, parts: list[Formula]) -> Formula:
    """Return statements joined by `and` or `or`: groups of the same kind taken apart, neighbours drawn together."""
    joined = _fold(op, _flatten(op, parts))
    if not joined:
        return Constant(op == "and")
    return joined[0] if len(joined) == 1 else Group(op, tuple(joined))


def _flatten(op: str, parts: list[Formula]) -> list[Formula]:
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Group) and part.op == op:
            flat.extend(part.parts)
        elif not (isinstance(part, Constant) and part.value is (op == "and")):
            flat.append(part)
    return flat


def _fold(op: str, parts: list[Formula]) -> list[Formula]:
    if len(parts) < 2:
        return parts
    families: dict[tuple[str, str], list[int]] = {}
    for index, part in enumerate(parts):
        family = _family(op, part)
        if family is not None:
            families.setdefault(family, []).append(index)
    replaced: dict[int, Formula] = {}
    dropped: set[int] = set()
    for (kind, _), indices in families.items():
        if len(indices) < 2:
            continue
        merged = _merge(op, kind, [parts[i] for i in indices])
        if merged is not None:
            replaced[indices[0]] = merged
            dropped.update(indices[1:])
    return [replaced.get(i, part) for i, part in enumerate(parts) if i not in dropped]


def _family(op: str, part: Formula) -> tuple[str, str] | None:
    """Return the kind of joint statement that a part could be drawn into, and what it would be about."""
    match part:
        case Compare(right=Literal() as right):
            if op == "and" and _grant_kind(part):
                return ("grant", "")
            if part.op == ("eq" if op == "or" else "ne") and _is_plain(right):
                return ("values", _key(part.left))
            if part.op in _LOW or part.op in _HIGH:
                return ("bounds", _key(part.left)) if _is_measured(op, part.left, right) else None
        case Member() if part.positive is (op == "or") and all(isinstance(item, Literal) for item in part.items):
            # With other items the list as a whole may be undecided, which an equality next to it would hide.
            return ("values", _key(part.subject))
        case Holds(expr=Call(function="in_list", args=(Literal() as item, container))):
            if not isinstance(container, Literal) and _is_plain(item):
                return ("includes" if part.positive else "lacks", _key(container))
        case Holds(expr=AttributeRef(name="grant.active"), positive=True) if op == "and":
            return ("grant", "")
    return None


def _key(expr: Expr) -> str:
    """Return a text that is the same for the same expression at another place; the common ones without a walk."""
    match expr:
        case AttributeRef():
            return expr.name
        case Call(args=(AttributeRef(name=name), Literal(value=str() as zone))):
            return f"{expr.function} {name} {zone}"
        case _:
            return f"({cel_text(expr)})"


def _is_plain(literal: Literal) -> bool:
    return literal.value != "" and not isinstance(literal.value, bool | tuple)


def _is_measured(op: str, left: Expr, right: Literal) -> bool:
    # A NaN is neither below nor above nor between, so only `and` may fold what may be one.
    types = _MEASURED if op == "and" else _COUNTED
    return left.type.name in types and right.type.name in types and right.value == right.value


def _merge(op: str, kind: str, parts: list[Formula]) -> Formula | None:
    match kind:
        case "values":
            return _merge_values(op, parts)
        case "bounds":
            return _merge_bounds(op, parts)
        case "grant":
            kinds = [found for part in parts if (found := _grant_kind(part))]
            return Authorised(kinds[0]) if len(kinds) == 1 else None
        case _:
            calls = [p.expr for p in parts if isinstance(p, Holds) and isinstance(p.expr, Call)]
            items = _unique([item for call in calls if isinstance(item := call.args[0], Literal)])
            positive = kind == "includes"
            if len(items) < 2:
                return parts[0]
            return Includes(calls[0].args[1], items, positive is (op == "and"), positive)


def _merge_values(op: str, parts: list[Formula]) -> Formula:
    items: list[Expr] = []
    subject: Expr | None = None
    for part in parts:
        if isinstance(part, Member):
            subject = subject or part.subject
            items.extend(part.items)
        elif isinstance(part, Compare):
            subject = subject or part.left
            items.append(part.right)
    unique = _unique([item for item in items if isinstance(item, Literal)])
    if len(unique) < 2 or subject is None:
        return parts[0]
    return Member(subject, unique, op == "or")


def _unique(items: list[Literal]) -> tuple[Literal, ...]:
    return tuple({(item.type.name, item.value): item for item in items}.values())


def _merge_bounds(op: str, parts: list[Formula]) -> Formula | None:
    bounds = [part for part in parts if isinstance(part, Compare)]
    if len(bounds) != 2:
        return None
    first, second = bounds if (bounds[0].op in _LOW) is (op == "and") else bounds[::-1]
    # `and`: above the low bound and below the high one; `or`: below the low bound or above the high one.
    if (first.op in _LOW) is not (op == "and") or (second.op in _HIGH) is not (op == "and"):
        return None
    low, high = first.right, second.right
    if not isinstance(low, Literal) or not isinstance(high, Literal) or not low.value < high.value:
        return None
    closed = ("ge", "le") if op == "and" else ("lt", "gt")
    return Within(first.left, low, first.op == closed[0], high, second.op == closed[1], op == "and")


def _grant_kind(part: Formula) -> Literal | None:
    """Return the kind when a part says that the grant has one, which only a counting grant has."""
    match part:
        case Compare(op="eq", left=AttributeRef(name="grant.kind"), right=Literal() as kind) if kind.value:
            return kind
        case _:
            return None
