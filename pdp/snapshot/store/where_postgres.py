"""Filters in PostgreSQL's SQL. A value of another type is NULL before anything is cast.

`facts` is kept as text, which is taken in three times as fast as jsonb; `source` reads it for the few records that are
left when marks and columns have been looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from pdp.snapshot.filter import nodes
from pdp.snapshot.store.base import Sql
from pdp.snapshot.store.where import Writer, plain_keys
from pdp.values import INT_MAX, INT_MIN, AttributeType

_JSON: Final = "facts_json"


def source(table: str, *parts: Sql | None) -> str:
    """Return what to select from, as `r`, for conditions and values of PostgresWriter's."""
    return f"{table} AS r{_reading(parts)}"


def page_source(table: str, where: Sql | None, bound: str, direction: str) -> str:
    """Return what to select a page of a partition from, as `r`; `bound` is a condition over `time`, or empty.

    Where marks tell something, the index of times answers which records are worth a look: it has the marks too, and is
    a fortieth of the table.
    """
    if where is None or not where.marked:
        return source(table, where)
    tests = f"{where.marked} AND {bound}" if bound else where.marked
    worth = f"SELECT time AS at, position AS place FROM {table} WHERE {tests} ORDER BY time {direction} OFFSET 0"  # noqa: S608 - bound
    # Both equal: the order of the index is then known to be that of the page, which ends once it is full.
    return f"({worth}) AS worth JOIN {table} AS r ON r.time = worth.at AND r.position = worth.place{_reading((where,))}"


def _reading(parts: Sequence[Sql | None]) -> str:
    if not any(part is not None and _JSON in part.text for part in parts):
        return ""
    # OFFSET keeps it apart from the conditions that need no JSON: it is read once, and for what meets those.
    return f" CROSS JOIN LATERAL (SELECT r.facts::jsonb AS {_JSON} OFFSET 0) AS read"


class PostgresWriter(Writer):
    """Writes for psycopg, where a percent sign of SQL stands twice."""

    TRUE, FALSE = "true", "false"

    def placeholder(self, name: str) -> str:
        """`%(p0)s`."""
        return f"%({name})s"

    def bind(self, value: Any) -> str:
        """A type that does not depend on what stands beside it."""
        mark = super().bind(value)
        match value:
            case bool():
                return f"{mark}::boolean"
            case int():
                return f"{mark}::bigint"
            case float():
                return f"{mark}::double precision"
            case _:
                return f"{mark}::text"

    def stands_in_facts(self, part: str) -> str:
        """Byte by byte: the column's order is "C"."""
        return f"strpos(facts, {part}) > 0"

    def by_code_point(self, value: str) -> str:
        """Whatever the order of the database is."""
        return f'{value} COLLATE "C"'

    def scalar(self, fact: nodes.Fact, kind: AttributeType) -> str:
        """CASE keeps a cast from what it would fail on."""
        held = _path(fact)
        number = f"jsonb_typeof({held}) = 'number'"
        match kind:
            case AttributeType.STRING:
                return f"(CASE WHEN jsonb_typeof({held}) = 'string' THEN {held} #>> '{{}}' END)"
            case AttributeType.BOOL:
                return f"(CASE WHEN jsonb_typeof({held}) = 'boolean' THEN ({held})::boolean END)"
            case AttributeType.DOUBLE:
                return f"(CASE WHEN {number} THEN ({held})::double precision END)"
        whole = f"CASE WHEN ({held})::numeric = trunc(({held})::numeric) THEN "
        if kind is AttributeType.TIMESTAMP:
            return f"(CASE WHEN {number} THEN {whole}greatest(least(({held})::numeric, {INT_MAX}), {INT_MIN}) END END)"
        fits = f"CASE WHEN ({held})::numeric BETWEEN {INT_MIN} AND {INT_MAX} THEN ({held})::numeric END"
        return f"(CASE WHEN {number} THEN {whole}{fits} END END)"

    def entry(self, held: nodes.Fact, key: str) -> str:
        """An array has no text keys."""
        mark = self.bind(key)
        found = f"{_path(held)} -> {mark}"
        return f"(CASE WHEN jsonb_typeof({found}) = 'string' THEN ({found}) #>> '{{}}' END)"

    def of_json_type(self, fact: nodes.Fact, kind: str) -> str:
        """The type's name or NULL."""
        return f"nullif(jsonb_typeof({_path(fact)}) = '{kind}', false)"

    def marked(self, test: str, condition: str) -> str:
        """Apart, so that records are tested before their JSON is read."""
        return f"({test} AND {condition})"

    def text_test(self, function: str, value: str, part: str) -> str:
        """By code points, whatever the order of the database is."""
        mark = self.bind(part)
        match function:
            case "contains":
                return f"(strpos({self.by_code_point(value)}, {mark}) > 0)"
            case "starts_with":
                return f"(left({value}, {len(part)}) = {mark})"
        return f"(right({value}, {len(part)}) = {mark})"

    def has(self, fact: nodes.Fact, item: Any, *, strict: bool) -> str:
        """Containment of jsonb compares numbers by value; doubles must be compared as doubles."""
        held = _path(fact)
        match fact.kind:
            case AttributeType.DOUBLE_LIST:
                number = "CASE WHEN jsonb_typeof(item) = 'number' THEN item::double precision"
                each = f"SELECT 1 FROM jsonb_array_elements({held}) AS item WHERE {number} = {self.bind(item)} END"  # noqa: S608 - bound
                return f"(CASE WHEN jsonb_typeof({held}) = 'array' THEN EXISTS ({each}) END)"
            case AttributeType.STRING_LIST if not strict:
                # Meets an index on the whole of `facts`.
                inner: Any = [item]
                for key in reversed(fact.path):
                    inner = {key: inner}
                return f"({_JSON} @> {self.bind(json.dumps(inner, ensure_ascii=False))}::jsonb)"
        test = f"{held} @> {self.bind(json.dumps([item], ensure_ascii=False))}::jsonb"
        return f"(CASE WHEN jsonb_typeof({held}) = 'array' THEN {test} END)"

    def has_key(self, fact: nodes.Fact, key: str) -> str:
        """`?` is an operator here."""
        held = _path(fact)
        return f"(CASE WHEN jsonb_typeof({held}) = 'object' THEN {held} ? {self.bind(key)} END)"

    def period(self, nanos: int, offset: int) -> Sql:
        """Whole numbers divide towards zero, and times before 1970 are none that we group."""
        return Sql(f"(time - {offset}) / {nanos} * {nanos} + {offset}", {})


def _path(fact: nodes.Fact) -> str:
    return f"({_JSON}" + "".join(f" -> '{key}'" for key in plain_keys(fact.path)) + ")"
