"""A program for callers in its own process, whose attributes are values of `pdp.values` already.

Reading a dict costs a tenth of reading a message, and a caller that has just read its own data need not write a
message for it. Requests as messages are decided too, by the same compiled code: golden cases test what is in use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pdp.engine.counts import Encoded
from pdp.engine.grants import NO_GRANT
from pdp.engine.partial import Known, Rests
from pdp.engine.program import Program
from pdp.engine.recording import Noteworthy
from pdp.engine.request import python_value
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties

Attributes = Mapping[str, Any]


class _Party(NamedTuple):
    """A subject, action or resource read from a message."""

    attributes: Attributes
    id: str = ""
    type: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()


class TypedProgram(Program):
    """One revision of a policy set that decides typed requests."""

    typed = True

    @cached_property
    def _rests(self) -> Rests:
        return Rests(self.evaluation)

    def decide_typed(
        self,
        subject: Any,
        action: Any,
        resource: Any,
        context: Attributes,
        now: int,
        fields: tuple[str, ...],
    ) -> tuple[Encoded, Noteworthy | None]:
        """Decide a request without grants: its outcome, and what is noteworthy about it, if anything is.

        `subject` has `id`, `roles` (a tuple) and `attributes`, `action` `name` and `attributes`, `resource` `type`,
        `id` and `attributes`; attributes are by declared name without the root. A declared one must be of its type and
        within its range, or MISSING; what is not declared may be anything: no rule reads it. Bounds are not looked at:
        the request must be within those of `Decide`.
        """
        in_context, of_subject, of_resource, of_action = self.declared
        declared = (
            in_context(context)
            and of_subject(subject.attributes)
            and of_resource(resource.attributes)
            and of_action(action.attributes)
        )
        return Program.outcome(self, subject, action, resource, context, now, (), fields, declared=declared)

    def known(self, subject: Any, action: Any, context: Attributes, fields: tuple[str, ...]) -> Known | None:
        """Return what it takes to decide faster for one caller, who is as of `decide_typed` and does not change.

        Worth it for someone who asks about a hundred resources. None when there are too many rules left.
        """
        rest = self._rests.rest(subject, action, context, fields)
        if rest is None:
            return None
        in_context, of_subject, _, of_action = self.declared
        declared = in_context(context) and of_subject(subject.attributes) and of_action(action.attributes)
        return Known(subject, action, context, fields, declared, rest)

    def decide_known(self, known: Known, resource: Any, now: int) -> tuple[Encoded, Noteworthy | None]:
        """Decide what `decide_typed` does for the same caller and fields."""
        subject, action, context, fields, declared, rest = known
        hits: list[int] = []
        slow: list[int] = []
        rest(subject, action, resource, context, now, NO_GRANT, hits, slow)
        hits, undecided = self.evaluation.settled(subject, action, resource, context, now, fields, hits, slow)
        outcome, in_dictionary = self.encoded(fields, hits)
        declared = declared and self.declared[2](resource.attributes)
        if in_dictionary and declared and not undecided:
            return outcome, None
        return outcome, self.noteworthy(Parties(subject, action, resource, context, now), fields, undecided, declared)

    def outcome(
        self,
        subject: Any,
        action: Any,
        resource: Any,
        context: Any,
        now: int,
        grant_ids: Sequence[str],
        fields: tuple[str, ...],
        *,
        declared: bool,
        applications: Collection[str] = (),
    ) -> tuple[Encoded, Noteworthy | None]:
        """Decide a request out of messages, as `Program` does."""
        return super().outcome(
            _Party(self.typed_attributes("subject", subject.attributes), id=subject.id, roles=tuple(subject.roles)),
            _Party(self.typed_attributes("action", action.attributes), name=action.name),
            _Party(self.typed_attributes("resource", resource.attributes), id=resource.id, type=resource.type),
            self.typed_attributes("context", context),
            now, grant_ids, fields, declared=declared, applications=applications,
        )  # fmt: skip

    def typed_attributes(self, root: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes below `subject`, `action`, `resource` or `context` out of a message's map."""
        found = {}
        for key, value in attributes.items():
            name = f"{root}.{key}"
            kind = self.schema.types.get(name)
            if kind is None:
                found[key] = value
            elif value.WhichOneof("kind") is None:  # as good as absent, but for what it is called
                found[key] = self.schema.defaults.get(name, MISSING)
            else:
                found[key] = python_value(value, kind)
        return found
