"""The phrases in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pdp.lang.sentence.text import listed
from pdp.lang.sentence.words import Template, Words

_VERBS: Mapping[str, Mapping[str, str]] = {
    "number": {"lt": "is less than", "le": "is at most", "gt": "is more than", "ge": "is at least"},
    "span": {"lt": "is shorter than", "le": "is at most", "gt": "is longer than", "ge": "is at least"},
    "time": {"lt": "is before", "le": "is no later than", "gt": "is after", "ge": "is no earlier than"},
    "text": {
        "lt": "sorts before",
        "le": "sorts before or is the same as",
        "gt": "sorts after",
        "ge": "sorts after or is the same as",
    },
}
_NUMERIC = frozenset({"amount", "count", "number"})
# Denied comparisons of numbers that may be NaN: only what is also right for a NaN.
_DENIED = {
    "nlt": "is not less than",
    "nle": "is not at most",
    "ngt": "is not more than",
    "nge": "does not reach",
}
_PARTS = {
    "year": "year",
    "month": "month counted from 0 for January",
    "day_of_year": "day of the year counted from 0",
    "day_of_month": "day of the month counted from 0",
    "date": "day of the month",
    "day_of_week": "day of the week counted from 0 for Sunday",
    "hours": "hour",
    "minutes": "minute",
    "seconds": "second",
    "milliseconds": "millisecond",
}
_DAYS = {
    "day_of_week": "day of the week",
    "month": "month",
    "date": "day of the month",
    "day_of_month": "day of the month",
}


class English(Words):
    """Plain English with the quotation marks of print."""

    chinese: ClassVar[bool] = False
    nouns: ClassVar[Mapping[str, Template]] = {
        "divide_int": ("(the whole part of ", 0, " ÷ ", 1, ")"),
        "divide_double": ("(", 0, " ÷ ", 1, ")"),
        "modulo_int": ("(the remainder of ", 0, " ÷ ", 1, ")"),
        "negate_int": ("the negative of ", 0),
        "negate_double": ("the negative of ", 0),
        "concat_string": ("(", 0, " followed by ", 1, ")"),
        "concat_list": ("(the list ", 0, " followed by ", 1, ")"),
        "timestamp_minus_timestamp": ("the time from ", 1, " to ", 0),
        "index_list": ("item (", 1, " + 1) of ", 0),
        "index_map": ("the value of ", 1, " in ", 0),
        "size_string": ("the number of characters in ", 0),
        "size_list": ("the number of items in ", 0),
        "size_map": ("the number of entries in ", 0),
        "int_from_double": ("the whole part of ", 0),
        "int_from_timestamp": (0, " in seconds since 1970"),
        "timestamp_from_int": ("the time ", 0, " seconds after the start of 1970"),
        "string_from_int": (0, " as text"),
        "string_from_bool": (0, " as text"),
        "duration_hours": ("the full hours in ", 0),
        "duration_minutes": ("the full minutes in ", 0),
        "duration_seconds": ("the full seconds in ", 0),
        "duration_milliseconds": ("the milliseconds beyond full seconds in ", 0),
    }

    def bracket(self, text: str) -> str:
        """(…)."""
        return f"({text})"

    def inline(self, op: str, texts: Sequence[str], *, plain: bool) -> str:
        """A and B; A, B, and C."""
        return f"{texts[0]} {op} {texts[1]}" if plain else f"{', '.join(texts[:-1])}, {op} {texts[-1]}"

    def listing(self, op: str, texts: Sequence[str]) -> str:
        """Any of the following holds: A; B."""
        return ("all of the following hold: " if op == "and" else "any of the following holds: ") + "; ".join(texts)

    def assemble(self, template: Template, args: Sequence[str]) -> str:
        """Put the arguments in their places."""
        return "".join(part if isinstance(part, str) else args[part] for part in template)

    def constant(self, *, value: bool) -> str:
        """It is always so."""
        return "it is always so" if value else "it is never so"

    def opaque(self, code: str, *, positive: bool) -> str:
        """`…` is true."""
        return f"{code} is true" if positive else f"{code} is false"

    def compared(self, op: str, category: str, subject: str, value: str, *, constant: bool) -> str:
        """The teller level is at least 3."""
        if op in ("eq", "ne"):
            verb = "is" if op == "eq" else "is not"
            if not constant:
                verb = f"{verb} equal to" if category in _NUMERIC else f"{verb} the same as"
            return f"{subject} {verb} {value}"
        verb = _DENIED.get(op) or _VERBS.get(category, _VERBS["number"])[op]
        return f"{subject} {verb} {value}"

    def empty(self, subject: str, *, positive: bool, container: bool) -> str:
        """The remark is empty; there is nothing in the roles."""
        if container:
            return f"there is {'nothing' if positive else 'something'} in {subject}"
        return f"{subject} {'is' if positive else 'is not'} empty"

    def member(self, subject: str, items: Sequence[str], *, positive: bool) -> str:
        """The customer class is private banking or diamond; is neither private banking nor diamond."""
        if positive:
            return f"{subject} is {listed(items, 'or', chinese=False)}"
        if len(items) == 2:
            return f"{subject} is neither {items[0]} nor {items[1]}"
        return f"{subject} is none of {listed(items, 'and', chinese=False)}"

    def between(self, subject: str, low: tuple[str, bool], high: tuple[str, bool], *, positive: bool) -> str:
        """The balance is between 50,000 (inclusive) and 500,000 (exclusive)."""
        ends = [self._end(*end) for end in (low, high)]
        return f"{subject} {'is' if positive else 'is not'} between {ends[0]} and {ends[1]}"

    def _end(self, text: str, closed: bool) -> str:
        note = "inclusive" if closed else "exclusive"
        return f"{text[:-1]}, {note})" if text.endswith(")") else f"{text} ({note})"

    def contains_item(self, container: str, item: str, *, positive: bool) -> str:
        """Teller is among the roles. It reads well whatever the number of the label."""
        return f"{item} {'is' if positive else 'is not'} among {container}"

    def includes(self, container: str, items: Sequence[str], *, together: bool, positive: bool) -> str:
        """Teller or manager is among the roles; both teller and manager are among the roles."""
        if positive and not together:
            return f"{listed(items, 'or', chinese=False)} is among {container}"
        shown = listed(items, "and", chinese=False)
        if together:
            every = f"both {shown}" if len(items) == 2 else f"all of {shown}"
            return f"{every} are among {container}" if positive else f"not {every} are among {container}"
        none = f"neither {items[0]} nor {items[1]}" if len(items) == 2 else f"none of {shown}"
        return f"{none} is among {container}"

    def has_key(self, container: str, key: str, *, constant: bool, positive: bool) -> str:
        """There is an entry “risk” in the risk flags."""
        entry = f"{'an' if positive else 'no'} entry {key if constant else f'whose key is {key}'}"
        return f"there is {entry} in {container}"

    def text_test(self, function: str, subject: str, argument: str, *, positive: bool) -> str:
        """The mobile number starts with “138”."""
        verbs = {
            "contains": ("contains", "contain"),
            "starts_with": ("starts with", "start with"),
            "ends_with": ("ends with", "end with"),
            "matches": ("matches the regular expression", "match the regular expression"),
        }
        does, do = verbs[function]
        return f"{subject} {does} {argument}" if positive else f"{subject} does not {do} {argument}"

    def flag(self, noun: str, *, positive: bool) -> str:
        """“VIP customer” is yes."""
        return f"“{noun}” is {self.truth(value=positive)}"

    def granted(self, kind: str, shown: str, *, positive: bool) -> str:
        """There is an authorisation by a supervisor."""
        if positive and kind in ("supervisor", "customer"):
            return f"there is an {shown}"
        return f"the kind of authorisation is {'' if positive else 'not '}{shown}"

    def authorised(self, kind: str, shown: str) -> str:
        """There is a valid authorisation by a supervisor."""
        if kind in ("supervisor", "customer"):
            return f"there is a valid {shown}"
        return f"there is a valid authorisation of the kind {shown}"

    def any_grant(self, *, positive: bool) -> str:
        """There is a valid authorisation."""
        return f"there is {'a' if positive else 'no'} valid authorisation"

    def no_grant(self, *, positive: bool) -> str:
        """There is no authorisation."""
        return f"there is {'no' if positive else 'an'} authorisation"

    def choice(self, condition: str, then: str, otherwise: str) -> str:
        """(if …, then …; otherwise …)."""
        return f"(if {condition}, then {then}; otherwise {otherwise})"

    def same(self, left: str, right: str, *, positive: bool) -> str:
        """Either both (A) and (B) hold or neither does."""
        return f"either both {left} and {right} hold or neither does" if positive else (
            f"exactly one of {left} and {right} holds"
        )  # fmt: skip

    def clock(self, of: str, zone: str, start: int, end: int) -> str:
        """Shanghai time is between 9:00 (inclusive) and 17:00 (exclusive)."""
        subject = f"the time of day of {of} ({zone})" if of else zone
        if start == 0:
            return f"{subject} is before {end}:00"
        if end == 24:
            return f"{subject} is no earlier than {start}:00"
        tail = " the next day" if end <= start else ""
        return f"{subject} is between {start}:00 (inclusive) and {end}:00 (exclusive){tail}"

    def days(self, function: str, of: str, zone: str, names: Sequence[str]) -> str:
        """The day of the week (Shanghai time) is Monday to Friday."""
        part = f"{_DAYS[function]} of {of}" if of else _DAYS[function]
        return f"the {part} ({zone}) is {listed(names, 'or', chinese=False)}"

    def clock_part(self, function: str, of: str, zone: str) -> str:
        """The hour (Shanghai time)."""
        return f"the {_PARTS[function]}{f' of {of}' if of else ''} ({zone})"

    def shifted(self, moment: str, span: str, *, later: bool) -> str:
        """8 hours after the sign-in time."""
        return f"{span} {'after' if later else 'before'} {moment}"

    def quantifier(self, kind: str, container: str, *, keyed: bool) -> str:
        """At least one item of the roles."""
        words = {"all": "every", "exists": "at least one", "exists_one": "exactly one", "none": "no"}
        return f"{words[kind]} {'key' if keyed else 'item'} of {container}"

    def each(self, kind: str, container: str, named: str, body: str, *, keyed: bool, positive: bool) -> str:
        """At least one item of the roles satisfies (the item starts with “a” and …)."""
        words = {"all": "every", "exists": "at least one", "exists_one": "exactly one"}
        subject = f"{words[kind]} {'key' if keyed else 'item'}{f' {named}' if named else ''} of {container}"
        return f"{subject} satisfies {body}" if positive else f"it is not so that {subject} satisfies {body}"

    def element(self, *, keyed: bool) -> str:
        """The item."""
        return "that key" if keyed else "that item"

    def selection(self, container: str, named: str, condition: str, transform: str) -> str:
        """The items of the roles for which (…)."""
        name = f" {named}" if named else ""
        limit = f" for which {condition}" if condition else ""
        if transform:
            return f"the list of {transform} for every item{name} of {container}{limit}"
        return f"the items{name} of {container}{limit}"

    def truth(self, *, value: bool) -> str:
        """Yes, no."""
        return "yes" if value else "no"

    def labelled(self, number: str, label: str) -> str:
        """2 (senior)."""
        return f"{number} ({label})"

    def whether(self, statement: str) -> str:
        """Whether (…)."""
        return f"whether {statement}"

    def alternative(self, condition: str, then: str, otherwise: str) -> str:
        """(… if …, otherwise …)."""
        return f"({then} if {condition}, otherwise {otherwise})"

    def item_at(self, container: str, position: int) -> str:
        """Item 1 of the roles."""
        return f"item {position} of {container}"

    def list_of(self, items: Sequence[str]) -> str:
        """The list (A, B)."""
        return f"the list ({', '.join(items)})" if items else "the empty list"

    def map_of(self, entries: Sequence[tuple[str, str]]) -> str:
        """The map (A: 1; B: 2)."""
        return f"the map ({'; '.join(f'{k}: {v}' for k, v in entries)})" if entries else "the empty map"
