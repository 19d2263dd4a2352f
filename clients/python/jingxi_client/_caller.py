"""What a caller says of itself, as a policy set declares it and as a request carries it.

A teller looks at many customers, so most messages come with the subject, action and context of another one. What they
come to is kept for a while: reading and writing them again would take a third of the time that a message takes.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jingxi_client import values
from jingxi_client._reading import Attribute
from jingxi_client._wire import Coder, TypedAction, TypedSubject
from jingxi_client.decisions import Action
from jingxi_client.errors import AttributeValueError

if TYPE_CHECKING:
    from jingxi_client.message_map import Caller

MOST_KEPT = 512
ROOTS = ("subject", "action", "resource", "context")
_NO_ACTION = Action()


class Said(NamedTuple):
    """Who asks, what for and under what circumstances. Nothing of it but `prepared` may be changed.

    `defaulted` says that the context's application is not the caller's word. `head` and `tail` stand before and behind
    the resource in a DecideRequest. `prepared` is for an engine: by the part of the message, what it makes of all this.
    """

    subject: TypedSubject
    action: TypedAction
    context: dict[str, Any]
    problems: tuple[str, ...]
    defaulted: bool
    head: bytes
    tail: bytes
    prepared: dict[str, Any]


class Callers:
    """Reads what callers of one message say. Safe to share between threads."""

    def __init__(self, application: str, types: Mapping[str, int], coder: Coder) -> None:
        self._application = application
        self._coder = coder
        self._converters: dict[str, dict[str, Any]] = {root: {} for root in ROOTS}
        for name, kind in types.items():
            root, _, key = name.partition(".")
            if root in ROOTS:
                self._converters[root][key] = values.converter(kind)
        self._kept: dict[bytes, Said] = {}

    def said(self, caller: Caller) -> Said:
        """Return what a caller says. Raises AttributeValueError for ids and names that are no text."""
        subject, action = caller.subject, caller.action or _NO_ACTION
        try:
            # INVARIANT: callers of one key say the same. These bytes tell names, order, values and their types, so
            # also 1 from True and 0.0 from -0.0; version 2 does not depend on which objects are the same one.
            given: Any = (subject.id, subject.roles, subject.attributes, action.name, action.attributes, caller.context)
            key = marshal.dumps(given, 2)
        except ValueError:  # what only `values` knows, such as a date
            return self._read(caller)
        known = self._kept.get(key)
        if known is None:
            known = self._read(caller)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = known
        return known

    def declared(self, root: str, attributes: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
        """Return the caller's attributes as the policy set declares them; undeclared ones as Python has them."""
        found: dict[str, Any] = {}
        converters = self._converters[root]
        for name, value in attributes.items():
            if value is None:
                continue
            convert = converters.get(name)
            if convert is None:
                values.text_of("the name of an attribute", name)
                convert = values.to_value
            try:
                found[name] = convert(value)
            except AttributeValueError as error:
                problems.append(f"attribute `{root}.{name}`: {error}")
        return found

    def with_more(self, said: Said, others: Iterable[tuple[Attribute, Any]]) -> Said:
        """Return what is said when a message has these attributes besides; what the caller gives wins."""
        subject, action, context, problems, defaulted, *_ = said
        shared = {"subject": {**subject.attributes}, "action": {**action.attributes}, "context": {**context}}
        if defaulted:
            del shared["context"]["application"]
        for attribute, value in others:
            shared[attribute.root].setdefault(attribute.key, value)
        return self._made(
            subject._replace(attributes=shared["subject"]),
            action._replace(attributes=shared["action"]),
            shared["context"],
            problems,
        )

    def _read(self, caller: Caller) -> Said:
        subject, action = caller.subject, caller.action or _NO_ACTION
        problems: list[str] = []
        of_subject = self.declared("subject", subject.attributes, problems)
        of_action = self.declared("action", action.attributes, problems)
        context = self.declared("context", caller.context, problems)
        roles = tuple([values.text_of("subject.roles", role) for role in subject.roles])
        return self._made(
            TypedSubject(values.text_of("subject.id", subject.id), roles, of_subject),
            TypedAction(values.text_of("action.name", action.name), of_action),
            context,
            tuple(problems),
        )

    def _made(
        self, subject: TypedSubject, action: TypedAction, context: dict[str, Any], problems: tuple[str, ...]
    ) -> Said:
        # The map names the application anyway, and most scopes ask for it.
        defaulted = "application" not in context and "application" in self._converters["context"]
        if defaulted:
            context["application"] = self._application
        head, tail = self._coder.head(subject, action), self._coder.attributes("context", context)
        return Said(subject, action, context, problems, defaulted, head, tail, {})
