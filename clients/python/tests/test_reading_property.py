"""What a map is compiled to against the plain reading, over random maps and messages."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_reading as reference
from jingxi_client import Action, JingxiError, MessageMismatchError, Resource, Subject, masking, message_map, values
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client.decisions import Decision, Mask, Reason, Verdict
from jingxi_client.message_map import Caller, MessageMap
from jingxi_client.paths import show

T = TypeVar("T")
TODAY = datetime.date(2026, 3, 2)
KINDS = [number for number in values.Type.values() if number]
ATTRIBUTES = [f"{root}.{key}" for root in ("resource", "resource", "subject", "context") for key in ("x", "y", "z")]
UNTAKEN = ["subject.id", "resource.id", "context.undeclared", "nobody.x"]
MASKS = [
    None, Mask("full"), Mask("keep", {"prefix": 1}), Mask("suppress"), Mask("null"), Mask("nothing-known"),
    Mask("date_trunc", {"unit": "age"}), Mask("hash", {"key": "k"}), Mask("name"),
]  # fmt: skip

# In nearly all messages `a` is an object, `b` a list of objects, and the rest is text and the like; and so maps see
# them. Names are few, so that paths often meet, and some enclose others.
texts = st.sampled_from(["", "1", "12.5", "张三丰", "true", "2026-03-02T10:00:00Z", "5s", "\ud800"])
scalar = texts | st.sampled_from([None, 7, -2, 0, 1.5, True, False, [], {}])
way = st.lists(st.sampled_from([".a", ".a", ".b[*]"]), max_size=2).map("".join)
end = st.sampled_from([".c", ".d", ".e", ".c", ".d", ".e", ".c", ".a", ".b", ".b[*]", ""])
fitting = st.builds("${}{}".format, way, end)
path = st.integers(0, 9).flatmap(lambda number: st.sampled_from(["$.c[*]", "$.c.d"]) if number == 9 else fitting)


def objects(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    inner: st.SearchStrategy[Any] = scalar if depth == 0 else objects(depth - 1) | st.none()
    optional: dict[Any, Any] = {"a": inner, "b": st.lists(inner, max_size=2), "c": scalar, "d": scalar, "e": scalar}
    if depth == 0:
        del optional["a"], optional["b"]
    return st.fixed_dictionaries({}, optional=optional)


anything = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=5
)
document = st.integers(0, 9).flatmap(lambda number: anything if number == 9 else objects(2))


@st.composite
def parts(draw: st.DrawFn, name: str, path: st.SearchStrategy[str]) -> bundle_pb2.MessagePart:
    attributes = draw(st.lists(st.sampled_from(ATTRIBUTES + UNTAKEN), max_size=5, unique=True))
    fields = draw(st.lists(st.lists(path, min_size=1, max_size=2) | st.tuples(path).map(list), max_size=5))
    return bundle_pb2.MessagePart(
        name=name,
        path=draw(st.sampled_from(["$.b", "$.b", "$.a.b", "$.b[*].b"])) if name else "",
        resource_type=draw(st.sampled_from(["", "customer"])),
        resource_id=draw(st.sampled_from(["", "$.c", "$.a.c", "$.b[*].c"])),
        fields=[bundle_pb2.FieldPaths(field=f"f{i}", paths=own) for i, own in enumerate(fields)],
        attributes=[bundle_pb2.AttributePath(attribute=a, path=draw(path)) for a in attributes],
    )


@st.composite
def maps(draw: st.DrawFn, path: st.SearchStrategy[str]) -> MessageMap:
    source = bundle_pb2.MessageMap(application="core", name="m")
    for name in draw(st.sampled_from([[""], ["", "rows"], ["rows"], ["", "rows", "more"], ["", "", "rows"]])):
        source.parts.append(draw(parts(name, path)))
    types = {name: draw(st.sampled_from(KINDS)) for name in dict.fromkeys(ATTRIBUTES)}
    if draw(st.booleans()):
        types["context.application"] = values.Type.ATTRIBUTE_TYPE_STRING
    return message_map.from_response(api.GetMessageMapResponse(message_map=source, attribute_types=types))


given_attributes = st.dictionaries(st.sampled_from(["x", "y", "undeclared", "application"]), scalar, max_size=3)
callers = st.builds(
    Caller,
    st.builds(Subject, st.sampled_from(["T1001", "张三"]), st.sampled_from([(), ["teller", ""]]), given_attributes),
    st.none() | st.builds(Action, st.sampled_from(["", "query"]), given_attributes),
    st.none() | st.builds(Resource, st.sampled_from(["", "k"]), st.sampled_from(["", "C1"]), given_attributes),
    given_attributes,
)


def read(known: MessageMap, document: Any, caller: Caller) -> tuple[message_map.Plan | None, reference.Read | None]:
    """Return both readings, None for both when both refuse the message alike."""
    found, refused = outcome(lambda: message_map.plan(known, document, caller))
    wanted, refusal = outcome(lambda: reference.read(known, document, caller))
    assert refused == refusal
    return found, wanted


def outcome(call: Callable[[], T]) -> tuple[T | None, tuple[type, str] | None]:
    """Return what a call gives, or what it refuses and how."""
    try:
        return call(), None
    except JingxiError as error:
        return None, (type(error), str(error))


def shared(subject: types_pb2.Subject, action: types_pb2.Action, context: Any) -> dict[str, Any]:
    return {"subject": dict(subject.attributes), "action": dict(action.attributes), "context": dict(context)}


@settings(deadline=None, max_examples=100)
@given(known=maps(path), document=document, caller=callers)
def test_questions_are_those_of_the_plain_reading(known: MessageMap, document: Any, caller: Caller) -> None:
    plan, wanted = read(known, document, caller)
    if plan is None or wanted is None:
        return
    assert plan.problems == tuple(dict.fromkeys(wanted.problems))
    assert shared(plan.subject, plan.action, plan.context) == wanted.shared
    assert (plan.subject.id, list(plan.subject.roles)) == (caller.subject.id, list(caller.subject.roles))
    assert plan.action.name == (caller.action.name if caller.action else "")
    assert len(plan.questions) == len(wanted.asked)
    for question, asked in zip(plan.questions, wanted.asked, strict=True):
        resource = question.resource
        assert (question.part.name, show(question.place)) == (asked.part, show(asked.place))
        assert (resource.type, resource.id, dict(resource.attributes)) == (asked.type, asked.id, asked.attributes)
        assert [(name, list(places)) for name, places in question.fields] == asked.fields
        request = api.DecideRequest.FromString(plan.request(question))
        assert (request.subject, request.action, request.resource) == (plan.subject, plan.action, resource)
        assert dict(request.context) == dict(plan.context)
        assert request.message == types_pb2.MessageRef(application="core", name="m", part=asked.part)


@settings(deadline=None, max_examples=100)
@given(known=maps(fitting), document=objects(2), data=st.data())
def test_masked_copies_are_those_of_the_plain_masking(known: MessageMap, document: Any, data: st.DataObject) -> None:
    caller = Caller(Subject("T1001"))
    plan, wanted = read(known, document, caller)
    if plan is None or wanted is None:
        return
    verdicts: list[reference.Verdicts] = []
    decisions: list[Decision | None] = []
    masks = st.dictionaries(st.sampled_from([f"f{i}" for i in range(5)]), st.sampled_from(MASKS), max_size=5)
    for _ in plan.questions:
        by_field = data.draw(st.none() | masks)
        verdicts.append(by_field)
        said = tuple(Verdict(name, mask, Reason()) for name, mask in (by_field or {}).items())
        decisions.append(None if by_field is None else Decision("d", "r", 1, "h", said, (), ()))
    before = copy.deepcopy(document)
    maskers = masking.Maskers(today=TODAY, lasting=True)
    wanted_copy = reference.masked(document, wanted.asked, verdicts, TODAY)
    for _ in range(2):  # the second time by what was kept of the first
        found, _problems = masking.masked_copy(document, plan, decisions, maskers)
        assert found == wanted_copy
        assert not shares(found, document)
    assert document == before


def shares(made: Any, source: Any) -> bool:
    """Whether two documents have an object or a list in common."""
    return bool(_containers(made) & _containers(source))


def _containers(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(_containers, value.values()))
    if isinstance(value, list | tuple):
        return {id(value)}.union(*map(_containers, value))
    return set()


def test_a_mismatch_names_the_first_path_of_the_map_that_does_not_fit() -> None:
    source = bundle_pb2.MessageMap(application="core", name="m")
    part = source.parts.add()
    for number, own in enumerate(["$.a.b", "$.c.x", "$.a.c"]):
        part.fields.add(field=f"f{number}", paths=[own])
    known = message_map.from_response(api.GetMessageMapResponse(message_map=source))
    for document, says in (
        ({"a": {}, "c": [], "b": 1}, r"path `\$\.c\.x` expects an object at `\$\.c`"),
        ({"a": "text", "c": []}, r"path `\$\.a\.b` expects an object at `\$\.a`"),
        ([], r"path `\$\.a\.b` expects an object at `\$`"),
    ):
        with pytest.raises(MessageMismatchError, match=says):
            message_map.plan(known, document, Caller(Subject("T1001")))


def test_callers_that_are_equal_and_not_the_same_are_read_apart() -> None:
    source = bundle_pb2.MessageMap(application="core", name="m")
    source.parts.add().fields.add(field="f", paths=["$.f"])
    kinds = ("INT", "BOOL", "DOUBLE", "STRING")
    types = {f"subject.{k}": bundle_pb2.AttributeType.Value(f"ATTRIBUTE_TYPE_{k}") for k in kinds}
    answer = api.GetMessageMapResponse(message_map=source, attribute_types=types)
    known = message_map.from_response(answer)
    given: list[Any] = [1, True, 1.0, 0, False, 0.0, -0.0, "1", "true", None, [1], ["1"], {}, {"1": "1"}]
    for value in [*given, *given]:
        for subject in (
            Subject("T1001", ["teller"], dict.fromkeys(kinds, value)),
            Subject("T1001", ["teller"], {"undeclared": value}),
            Subject("teller", ["T1001"], {}),
            Subject("T1001", ["teller", "T1001"], {}),
        ):
            for context in ({}, {"INT": value}, {"application": "other"}):
                caller = Caller(subject, Action("query"), None, context)
                plan, fresh = (message_map.plan(m, {}, caller) for m in (known, message_map.from_response(answer)))
                assert repr((plan.subject, plan.context, plan.problems)) == repr(
                    (fresh.subject, fresh.context, fresh.problems)
                )
