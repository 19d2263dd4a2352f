"""Filters over records: one small CEL condition that SQL and Python understand alike.

A filter names what a record holds (`names.NAMES`, every declared attribute of a request) and joins comparisons by `&&`,
`||` and `!`:

    subject.id == "T1001" && unmasked("id_no") && time > now - duration("168h") && severity >= HIGH

**Meaning.** A condition is true, false or open. It is open over something that a record does not hold: an operation has
no subject's level, and a decision no attribute that the caller left out (a default that stood in is not recorded), that
was recorded as a bucket, a hash or not at all, or whose value is not of the type that the policy set declares. `&&` is
false if one side is, else open if one side is, else true; `||` the other way round; `!` of open is open; `==`, `!=`,
`<`, `in` and the functions are open when what they look at is. `recorded("subject.level")` is never open. **A record
matches only when the filter is true.**

**Values.** Texts compare by code points, with case; U+0000 counts as U+FFFD, as records are stored. A whole number is
any JSON number without a fraction, within 64 bits; a double is the nearest to the recorded number; a time before 1677
or after 2262 counts as that end of what 64 bits of nanoseconds hold. A list holds a value when one of its items is of
the asked type and equal. An empty `action.name`, `resource.type` or `resource.id` counts as missing, as in conditions.
Of `id`, `kind`, `caller` and `subject.id` stores keep the first 512 characters for filters.

**resource.id** equals a text when the record's keyed hash is that of the text (by any key of the host) or when the
record keeps the clear id and that equals it. The hash covers the resource's type: it is looked for under the types that
`resource.type == …` or `resource.type in […]` in the same conjunction (or around it) names, and then the hash alone
decides; else under all types that the host knows. Other comparisons of it see clear ids alone. Without a key and
without a clear id the comparison is open.

`nodes` is the condition as a tree, `parse` and `build` make it of text, `predicate` evaluates it in Python, and
`pdp.snapshot.store.where` writes it as SQL.
"""

from __future__ import annotations

from pdp.snapshot.filter.build import compile_filter
from pdp.snapshot.filter.names import Schema
from pdp.snapshot.filter.nodes import Node
from pdp.snapshot.filter.predicate import Predicate, predicate

__all__ = ["Node", "Predicate", "Schema", "compile_filter", "predicate"]
