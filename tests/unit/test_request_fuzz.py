"""Whatever a client sends: an answer that keeps its promises, or RequestError. Never another exception."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.errors import RequestError
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.lang.model import GrantSpec
from pdp.source import whole
from pdp.v1 import decision_service_pb2, types_pb2
from pdp.values import NANOS
from tests.reference.random_requests import NOW
from tests.reference.request import Grants
from tests.strategies import PROPERTY, decide_requests, examples, mutations

SET = """
kind: Attributes
attributes:
  subject.level: {type: int}
  subject.class: {type: string, default: a}
  subject.projects: {type: 'list(string)'}
  resource.flags: {type: 'map(string, string)'}
  resource.at: {type: timestamp}
  context.span: {type: duration}
  context.menu: {type: string}
  context.ratio: {type: double}
---
kind: Dictionary
defaults: {C1: unmask}
fields:
  mobile: {label: mobile, level: C2}
  branch: {label: branch, level: C1}
  pin: {label: PIN, level: C3, never_unmask: true}
  cvv: {label: CVV, level: C1, never_unmask: true}
---
kind: MessageMap
application: core
message: detail
fields: {pin: $.pin, mobile: $.mobile, branch: $.branch}
---
kind: Policy
id: counter
title: counter
scope: {context.menu: ["3101", ""]}
variables:
  late: now - resource.at > context.span || context.ratio > 0.5
rules:
  - {id: senior, title: senior, when: "subject.level >= 3 || vars.late", fields: all, except: [pin, cvv], unmask: true}
  - id: projects
    title: projects
    when: subject.projects.exists(p, resource.flags.exists(f, f == p && resource.flags[f] != p))
    fields: [mobile]
    mask: {algorithm: keep, prefix: 3, suffix: 4}
    obligations: [alert]
---
kind: Policy
id: everything
title: everything
rules:
  - id: granted
    title: granted
    when: grant.active && grant.approver_level > subject.level
    fields: [mobile, branch]
    unmask: true
  - id: flag
    title: flag
    when: resource.flags.class == "a" || subject.class.matches("^[a-z]{3}$")
    fields: all
    mask: {algorithm: full}
  - id: night
    title: night
    when: resource.at.getHours("Asia/Shanghai") < 6
    fields: all
    mask: {algorithm: suppress}
"""
FIELDS = ["mobile", "branch", "pin", "cvv"]
NEVER = {"pin", "cvv"}


@pytest.fixture(scope="module")
def program() -> Program:
    loaded, diagnostics = load_texts({"set.yaml": SET})
    resolved = check(loaded, diagnostics, analyse=False)
    assert resolved is not None, [d.message for d in diagnostics.sorted()]
    grant = GrantSpec(
        id="g1", kind="supervisor", subject_id="T1", resource_type="customer", resource_id="", fields=(), levels=(),
        not_before=0, expires_at=NOW * 2, approver="M1", approver_level=5, scenario="", reason="", evidence="",
        application="", span=whole("grants"),
    )  # fmt: skip
    return Program.from_bundle(bundle.build(resolved), grants=Grants([grant]))


def usual() -> decision_service_pb2.DecideRequest:
    """Return a request that is in order."""
    request = decision_service_pb2.DecideRequest(
        request_id="r1",
        subject=types_pb2.Subject(id="T1", roles=["teller"]),
        action=types_pb2.Action(name="query"),
        resource=types_pb2.Resource(type="customer", id="C1"),
        fields=FIELDS,
        grant_ids=["g1"],
    )
    request.subject.attributes["level"].int_value = 3
    request.subject.attributes["projects"].string_list.values.extend(["a", "b"])
    request.resource.attributes["flags"].string_map.entries.update({"a": "b", "class": "a"})
    request.resource.attributes["at"].timestamp_value.seconds = NOW // NANOS
    request.context["span"].duration_value.seconds = 3_600
    request.context["menu"].string_value = "3101"
    request.context["ratio"].double_value = 0.25
    return request


USUAL = usual().SerializeToString()
BATCH = decision_service_pb2.DecideBatchRequest(
    subject=usual().subject,
    context=usual().context,
    items=[decision_service_pb2.BatchItem(resource=usual().resource, fields=FIELDS)] * 3,
).SerializeToString()
EXPLAIN = decision_service_pb2.ExplainRequest(request=usual()).SerializeToString()


def assert_sound(answer: decision_service_pb2.DecideResponse, fields: list[str]) -> None:
    """Assert what holds of every answer: the fields in order, indices that lead somewhere, nothing forbidden shown."""
    assert [v.field for v in answer.verdicts] == fields
    for verdict in answer.verdicts:
        assert verdict.effect in (types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK)
        assert verdict.reason < len(answer.reasons)
        if verdict.effect == types_pb2.EFFECT_MASK:
            assert verdict.mask < len(answer.masks)
        else:
            assert verdict.field in set(FIELDS) - NEVER
    assert len(answer.diagnostics) <= 32
    assert all(set(o.fields) <= set(fields) for o in answer.obligations)


def asked(request: decision_service_pb2.DecideRequest | decision_service_pb2.BatchItem) -> list[str]:
    """Return the fields that a request asks about."""
    return list(request.fields) if not request.HasField("message") else ["pin", "mobile", "branch"]


def answered(method: Callable[..., bytes], *arguments: object) -> bytes | None:
    """Return the answer, or None when the request is refused as it should be; any other exception passes."""
    try:
        return method(*arguments)
    except RequestError as error:
        violations = error.violations
    assert violations
    assert all(v.field and v.description for v in violations)
    return None


def decide(program: Program, payload: bytes) -> bool:
    """Decide and judge the answer; return whether there was one."""
    answer = answered(program.decide, payload, NOW)
    if answer is None:
        return False
    request = decision_service_pb2.DecideRequest.FromString(payload)
    response = decision_service_pb2.DecideResponse.FromString(answer)
    assert_sound(response, asked(request))
    assert response.request_id == request.request_id
    return True


class TestBytes:
    @settings(PROPERTY, max_examples=examples(150))
    @given(payload=st.binary(max_size=400))
    def test_random_bytes(self, program: Program, payload: bytes) -> None:
        decide(program, payload)
        for method in (program.decide_batch, program.explain):
            answered(method, payload)

    @settings(PROPERTY, max_examples=examples(400))
    @given(payload=mutations(USUAL))
    def test_damaged_requests(self, program: Program, payload: bytes) -> None:
        decide(program, payload)

    @settings(PROPERTY, max_examples=examples(100))
    @given(payload=mutations(BATCH))
    def test_damaged_batches(self, program: Program, payload: bytes) -> None:
        answer = answered(program.decide_batch, payload)
        if answer is None:
            return
        request = decision_service_pb2.DecideBatchRequest.FromString(payload)
        results = decision_service_pb2.DecideBatchResponse.FromString(answer).results
        assert len(results) == len(request.items)
        for item, result in zip(request.items, results, strict=True):
            if result.WhichOneof("result") == "decision":
                assert_sound(result.decision, asked(item))
            else:
                assert result.error.code == 3
                assert result.error.field.startswith("items[")

    @settings(PROPERTY, max_examples=examples(100))
    @given(payload=mutations(EXPLAIN))
    def test_damaged_explanations(self, program: Program, payload: bytes) -> None:
        answer = answered(program.explain, payload)
        if answer is not None:
            request = decision_service_pb2.ExplainRequest.FromString(payload).request
            decision = decision_service_pb2.ExplainResponse.FromString(answer).decision
            assert_sound(decision, asked(request))


class TestMessages:
    @settings(PROPERTY, max_examples=examples(150))
    @given(request=decide_requests(FIELDS))
    def test_any_content(self, program: Program, request: decision_service_pb2.DecideRequest) -> None:
        payload = request.SerializeToString()
        if decide(program, payload):
            explained = decision_service_pb2.ExplainRequest(request=request)
            assert answered(program.explain, explained.SerializeToString()) is not None

    def test_the_usual_request_is_answered(self, program: Program) -> None:
        assert decide(program, USUAL)

    @pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), 253_402_300_800, -62_135_596_801])
    @pytest.mark.parametrize("nanos", [2**31 - 1, -(2**31), 1_000_000_000, -1, 0])
    def test_explanations_for_impossible_times(self, program: Program, seconds: int, nanos: int) -> None:
        question = decision_service_pb2.ExplainRequest(request=usual())
        question.now.seconds, question.now.nanos = seconds, nanos
        answered(program.explain, question.SerializeToString())

    def test_texts_that_are_not_utf8(self, program: Program) -> None:
        for text in (b"\xff", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\x80"):
            with pytest.raises(RequestError):
                program.decide(b"\x0a" + bytes([len(text)]) + text + USUAL, NOW)

    def test_merged_messages(self, program: Program) -> None:
        # Protobuf merges a message that comes twice: the last value of a kind holds.
        request = decision_service_pb2.DecideRequest(fields=["branch"])
        request.context["menu"].int_value = 1
        assert decide(program, USUAL + request.SerializeToString())


class TestBounds:
    @pytest.mark.parametrize("change", [
        lambda r: r.fields.extend(["mobile"] * 513),
        lambda r: r.subject.roles.extend(["x"] * 257),
        lambda r: r.grant_ids.extend(["g"] * 9),
        lambda r: setattr(r, "request_id", "é" * 65),
        lambda r: setattr(r.subject, "id", "x" * 513),
        lambda r: setattr(r.resource, "id", "x" * 513),
        lambda r: r.subject.attributes["projects"].string_list.values.extend([""] * 1_001),
        lambda r: r.context["ints"].int_list.values.extend([0] * 1_001),
        lambda r: r.resource.attributes["flags"].string_map.entries.update({str(i): "" for i in range(1_001)}),
        lambda r: setattr(r.context["menu"], "string_value", "x" * 65_536),
        lambda r: [setattr(r.context[f"k{i}"], "string_value", "x" * 1_000) for i in range(70)],
        lambda r: setattr(r.context["menu"], "string_value", "x" * 300_000),
        lambda r: r.ClearField("subject"),
        lambda r: r.ClearField("fields"),
        lambda r: setattr(r, "min_revision", 1),
        lambda r: r.message.SetInParent(),
    ])  # fmt: skip
    def test_what_is_too_large_or_absent_is_refused(
        self, program: Program, change: Callable[[decision_service_pb2.DecideRequest], object]
    ) -> None:
        request = usual()
        change(request)
        assert answered(program.decide, request.SerializeToString(), NOW) is None

    def test_the_largest_lists_are_decided(self, program: Program) -> None:
        request = usual()
        del request.subject.attributes["projects"].string_list.values[:]
        request.subject.attributes["projects"].string_list.values.extend(f"p{i}" for i in range(1_000))
        request.resource.attributes["flags"].string_map.entries.update({f"f{i}": "x" for i in range(998)})
        assert decide(program, request.SerializeToString())

    def test_nested_groups_and_unknown_parts_are_skipped_or_refused(self, program: Program) -> None:
        for depth in (1, 50, 101, 10_000):
            decide(program, USUAL + b"\xa3\x06" * depth + b"\xa4\x06" * depth)
        assert decide(program, USUAL + b"\xfa\x3f\x03abc")
