"""A request's attributes by dotted name, for the exact evaluation and for traces."""

from __future__ import annotations

from typing import Any, NamedTuple

from pdp.engine.assemble import Schema
from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.request import python_value, reader
from pdp.engine.runtime import MISSING
from pdp.v1 import types_pb2
from pdp.values import AttributeType


class Parties(NamedTuple):
    """What a decision is about: the four parts of a request, the time and the grant."""

    subject: Any
    action: Any
    resource: Any
    context: Any
    now: int
    grant: GrantFacts = NO_GRANT


class RequestView:
    """Reads attributes by name, each once: a macro may ask for the same list at every step."""

    def __init__(self, schema: Schema, parties: Parties) -> None:
        self._schema = schema
        self._parties = parties
        self._known: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return an attribute's value, its default, or MISSING."""
        try:
            return self._known[name]
        except KeyError:
            value = self._known[name] = self._read(name)
            return value

    def _read(self, name: str) -> Any:
        parties = self._parties
        root, _, key = name.partition(".")
        match name:
            case "now":
                return parties.now
            case "subject.id":
                return parties.subject.id or MISSING
            case "subject.roles":
                return tuple(parties.subject.roles)
            case "action.name":
                return parties.action.name or MISSING
            case "resource.type":
                return parties.resource.type or MISSING
            case "resource.id":
                return parties.resource.id or MISSING
        if root == "grant":
            return getattr(parties.grant, key)
        values = parties.context if root == "context" else getattr(parties, root).attributes
        default = self._schema.defaults.get(name, MISSING)
        if self._schema.typed:
            return values.get(key, default)
        return reader(self._schema.types[name], default)(values, key)

    def type_of(self, name: str) -> AttributeType:
        """Return an attribute's type."""
        return self._schema.types[name]

    def value_of(self, name: str, value: types_pb2.Value) -> Any:
        """Return what a Value means as a value of this attribute."""
        return python_value(value, self._schema.types[name])
