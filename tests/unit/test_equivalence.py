"""The compiled engine against the reference evaluator: conditions, decisions, traces, and what must not matter."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings

from pdp.engine import bundle, index
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.lang.resolved import ResolvedSet
from pdp.v1 import decision_service_pb2
from tests.reference.compare import ConditionBench, DecisionBench, Refused, resolve, some_requests
from tests.reference.random_requests import random_grants
from tests.reference.random_sets import RandomSet, random_set
from tests.reference.request import Decision, Grants, Request, decision_of
from tests.strategies import PROPERTY, examples, sources

CASES = int(os.environ.get("JINGXI_CASES", "100000"))
SEED = os.environ.get("JINGXI_SEED", "jingxi")
REQUESTS_PER_CONDITION = 4
REQUESTS_PER_SET = 25
LARGER = examples(300)


@pytest.fixture(scope="module")
def conditions() -> ConditionBench:
    return ConditionBench()


class TestConditions:
    @settings(PROPERTY, max_examples=examples(100))
    @given(source=sources())
    def test_compiled_conditions_have_the_values_that_google_gives(
        self, conditions: ConditionBench, source: Random
    ) -> None:
        text, requests = conditions.case(source, REQUESTS_PER_CONDITION)
        assert not conditions.differences(text, requests)

    @pytest.mark.parametrize(
        "text",
        [
            "subject.level in []",
            "subject.level in subject.ints",
            "subject.class in subject.projects",
            'subject.level in [1, 2] && subject.level in [3]',
            'subject.level == 1 && subject.level == 2',
            '"a".contains(subject.class)',
            '"a".startsWith(subject.class)',
            'context.s.endsWith(subject.class)',
            "(resource.ok ? subject.class : context.s) in subject.projects",
            "dyn(resource.d) > dyn(resource.ok)",
            "dyn(subject.level) < dyn(subject.class)",
            "dyn(subject.level) == dyn(resource.ok)",
            "[dyn(1), true] == [dyn(1.0), dyn(1)]",
            "dyn(1) in [true, 2.0]",
            "context.n % 3 == 0",
            "context.n / subject.level == 1",
            "subject.projects.exists(x, subject.level > 1)",
            "subject.projects.all(x, subject.ints.exists(x, x > 1))",
            "resource.lambda == resource.lambda",
            "resource.d in resource.lambda",
            "[subject.level].exists(x, true)",
            "{\"a\": subject.level}.all(k, true)",
            "context.at.getHours(\"America/New_York\") == 3",
            "resource.ok || subject.level / 0 == 1",
            "vars.loop && subject.projects.exists(x, vars.loop)",
            'context.at - timestamp("1733-11-07T12:42:43.145225Z") > context.span',
            'timestamp("2318-06-17T01:17:16.5Z") - context.at > context.span',
        ],
    )  # fmt: skip
    def test_conditions_that_once_differed(self, conditions: ConditionBench, text: str) -> None:
        source = Random(text)
        assert conditions.differences(text, [conditions.request(source) for _ in range(200)]) == []

    @pytest.mark.parametrize(
        "text",
        [
            "dyn(1) && true",
            "resource.ok || [1, true][0]",
            'dyn("a") ? true : false',
            "[1, true].exists(x, x)",
            "dyn(1).matches(\"a\")",
            "1 in dyn(2)",
            '[1, "a"][0].exists(x, true)',
            "!dyn(true)",
        ],
    )  # fmt: skip
    def test_values_of_an_open_type_are_refused_where_a_type_is_needed(
        self, conditions: ConditionBench, text: str
    ) -> None:
        assert conditions.differences(text, []) is None


def _bench(source: Random, size: int) -> tuple[DecisionBench, RandomSet] | None:
    made = random_set(source, size)
    found = resolve(made)
    if isinstance(found, Refused):
        return None
    return DecisionBench(found, random_grants(source, made)), made


class TestDecisions:
    @settings(PROPERTY, max_examples=examples(20))
    @given(source=sources())
    def test_decisions_and_traces_are_those_of_the_reference(self, source: Random) -> None:
        bench = _bench(source, 0)
        if bench is not None:
            for request in some_requests(source, bench[1], REQUESTS_PER_SET):
                assert not bench[0].differences(request), request

    @pytest.mark.parametrize("crowding", [-1, index.MAX_CROWDING])
    def test_decisions_of_larger_sets_are_those_of_the_reference(
        self, monkeypatch: pytest.MonkeyPatch, crowding: int
    ) -> None:
        monkeypatch.setattr(index, "MAX_CROWDING", crowding)  # -1: every group of rules has a table of its own
        decided, _ = run_decisions(f"larger/{crowding}", LARGER, size=3)
        assert decided >= LARGER

    def test_random_decisions_reach_every_kind_of_outcome(self) -> None:
        seen: Counter[str] = Counter()
        run_decisions("outcomes-d", 1_500, size=1, seen=seen)
        wanted = {
            "rule unmask", "rule mask", "rule mask undecided", "rule unmask granted", "rule mask granted",
            "default unmask", "default mask", "unknown_field mask", "obligation", "UNKNOWN_FIELD",
            "UNDECLARED_ATTRIBUTE", "UNDECIDED_RULE", "GRANT_NOT_FOUND", "GRANT_INACTIVE", "GRANT_MISMATCH",
            "TRUNCATED",
        }  # fmt: skip
        assert {name for name in wanted if seen[name] < 10} == set(), seen


def run_decisions(seed: str, cases: int, size: int, seen: Counter[str] | None = None) -> tuple[int, int]:
    """Compare at least so many decisions; return how many, and how many sets were refused by `check`."""
    decided = refused = number = 0
    while decided < cases:
        source = Random(f"{seed}/{number}")
        bench = _bench(source, size)
        number += 1
        if bench is None:
            refused += 1
            continue
        for position, request in enumerate(some_requests(source, bench[1], REQUESTS_PER_SET)):
            differences = bench[0].differences(request)
            assert not differences, "\n".join([f"{seed}/{number - 1}, request {position}: {request}", *differences])
            decided += 1
            if seen is not None:
                seen.update(kinds(bench[0].reference.decide(request)))
    return decided, refused


def kinds(decision: Decision) -> Iterator[str]:
    """Yield what sorts of verdicts, obligations and diagnostics a decision has."""
    for verdict in decision.verdicts:
        reason = verdict.reason
        marks = (" undecided" if reason.undecided else "") + (" granted" if reason.grant else "")
        yield f"{reason.kind} {verdict.effect}{marks}"
    yield from ("obligation" for _ in decision.obligations)
    yield from (code for code, _, _ in decision.diagnostics)


@pytest.fixture(scope="module", params=range(6))
def sample(request: pytest.FixtureRequest) -> tuple[RandomSet, ResolvedSet, list[Request], Grants]:
    """A set that `check` accepts, with requests and grants."""
    for attempt in range(100):
        source = Random(f"sample/{request.param}/{attempt}")
        made = random_set(source, 2)
        found = resolve(made)
        if not isinstance(found, Refused):
            return made, found, some_requests(source, made, 40), Grants(random_grants(source, made))
    raise AssertionError("no random set was accepted")


Sample = tuple[RandomSet, ResolvedSet, list[Request], Grants]


def _decisions(program: Program, requests: list[Request]) -> list[Decision]:
    response = decision_service_pb2.DecideResponse
    return [decision_of(response.FromString(program.decide(r.payload(), r.now))) for r in requests]


class TestWhatMustNotMatter:
    def test_building_twice_gives_the_same_bytes(self, sample: Sample) -> None:
        made, resolved, _, _ = sample
        again = resolve(made)
        assert isinstance(again, ResolvedSet)
        first, second = bundle.build(resolved), bundle.build(again)
        assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)

    def test_loading_twice_gives_the_same_source(self, sample: Sample) -> None:
        signed = bundle.build(sample[1])
        assert Program.from_bundle(signed).source == Program.from_bundle(signed).source

    def test_the_order_in_which_files_are_given(self, sample: Sample) -> None:
        made, resolved, _, _ = sample
        reversed_files = resolve(dataclasses.replace(made, texts=dict(reversed(list(made.texts.items())))))
        assert isinstance(reversed_files, ResolvedSet)
        assert bundle.build(reversed_files).hash == bundle.build(resolved).hash

    def test_the_files_that_documents_stand_in(self, sample: Sample) -> None:
        made, resolved, requests, grants = sample
        documents = [text for file in made.texts.values() for text in file.split("---\n")]
        Random("files").shuffle(documents)
        moved = resolve(dataclasses.replace(made, texts={f"{i}.yaml": text for i, text in enumerate(documents)}))
        assert isinstance(moved, ResolvedSet)
        before = Program.from_bundle(bundle.build(resolved), grants=grants)
        after = Program.from_bundle(bundle.build(moved), grants=grants)
        assert _decisions(before, requests) == _decisions(after, requests)

    @pytest.mark.parametrize(
        ("name", "value"), [("_KEY_TYPES", ()), ("MAX_GROUPS", 1), ("MAX_KEYS_PER_RULE", 1), ("MAX_CROWDING", -1)]
    )
    def test_what_rules_are_indexed_by(
        self, sample: Sample, monkeypatch: pytest.MonkeyPatch, name: str, value: object
    ) -> None:
        _, resolved, requests, grants = sample
        signed = bundle.build(resolved)
        indexed = _decisions(Program.from_bundle(signed, grants=grants), requests)
        monkeypatch.setattr(index, name, value)
        assert _decisions(Program.from_bundle(signed, grants=grants), requests) == indexed

    def test_the_requests_decided_before(self, sample: Sample) -> None:
        _, resolved, requests, grants = sample
        signed = bundle.build(resolved)
        program = Program.from_bundle(signed, grants=grants)
        forwards = _decisions(program, requests)
        assert _decisions(program, requests[::-1])[::-1] == forwards
        assert [_decisions(Program.from_bundle(signed, grants=grants), [r])[0] for r in requests] == forwards

    def test_whether_a_resource_is_asked_about_alone_or_in_a_batch(self, sample: Sample) -> None:
        _, resolved, requests, grants = sample
        program = Program.from_bundle(bundle.build(resolved), grants=grants)
        first = requests[0].message_pb()
        batch = decision_service_pb2.DecideBatchRequest(
            request_id="b", subject=first.subject, action=first.action, context=first.context, grant_ids=first.grant_ids
        )
        alone = []
        for request in requests:
            message = request.message_pb()
            item = batch.items.add(resource=message.resource, fields=message.fields)
            if message.HasField("message"):
                item.message.CopyFrom(message.message)
            single = decision_service_pb2.DecideRequest()
            single.CopyFrom(first)
            single.ClearField("message")
            single.fields[:] = message.fields
            single.resource.CopyFrom(message.resource)
            if message.HasField("message"):
                single.message.CopyFrom(message.message)
            answer = program.decide(single.SerializeToString(), requests[0].now)
            alone.append(decision_of(decision_service_pb2.DecideResponse.FromString(answer)))
        answer = program.decide_batch(batch.SerializeToString(), requests[0].now)
        results = decision_service_pb2.DecideBatchResponse.FromString(answer).results
        assert [decision_of(result.decision) for result in results] == alone

    def test_whether_one_field_is_explained_or_all(self, sample: Sample) -> None:
        _, resolved, requests, grants = sample
        program = Program.from_bundle(bundle.build(resolved), grants=grants)
        for request in requests[:10]:
            question = decision_service_pb2.ExplainRequest(request=request.message_pb())
            response = decision_service_pb2.ExplainResponse
            everything = response.FromString(program.explain(question.SerializeToString(), request.now))
            for field in {v.field for v in everything.decision.verdicts} - {""}:
                question.field = field
                found = response.FromString(program.explain(question.SerializeToString(), request.now))
                wanted = [
                    (t.rule, t.grant_id, t.outcome, field in t.wins) for t in everything.rules if field in t.fields
                ]
                assert [(t.rule, t.grant_id, t.outcome, field in t.wins) for t in found.rules] == wanted
                assert all(list(t.fields) == [field] for t in found.rules)


class TestLimits:
    """What would let a few lines of policy, or a client's lists, take a node's time without bound."""

    HEAD = """
kind: Attributes
attributes: {subject.n: {type: int}, subject.names: {type: 'list(string)'}}
---
kind: Dictionary
fields: {mobile: {label: mobile, level: C2}}
---
kind: Policy
id: p
title: p
"""
    RULE = "rules:\n  - {id: r, title: r, when: vars.%s, fields: all, mask: {algorithm: full}}\n"

    def test_variables_that_double_each_other(self) -> None:
        variables = "".join(f"  v{i + 1}: vars.v{i} == vars.v{i}\n" for i in range(60))
        found = _refusals(f"{self.HEAD}variables:\n  v0: subject.n > 1\n{variables}{self.RULE % 'v60'}")
        assert "with the variables that it uses the expression has 2047 nodes, the limit is 2000" in found

    def test_variables_that_nest_macros(self) -> None:
        found = _refusals(
            f"""{self.HEAD}variables:
  pair: subject.names.exists(x, subject.names.exists(y, x != y))
  triple: subject.names.all(x, vars.pair)
{self.RULE % "triple"}"""
        )
        assert "with the variables that it uses the expression has macros nested 3 deep, the limit is 2" in found

    def test_variables_that_nest_conditions(self) -> None:
        variables = "".join(f'  v{i + 1}: "vars.v{i} ? false : true"\n' for i in range(100))
        found = _refusals(f"{self.HEAD}variables:\n  v0: subject.n > 1\n{variables}{self.RULE % 'v100'}")
        assert "with the variables that it uses the expression has 61 levels, the limit is 60" in found

    @pytest.mark.parametrize(
        "condition",
        [
            "subject.names.all(x, subject.names.exists(y, x == y))",
            "subject.names.all(x, vars.any)",
            "size(subject.names.map(x, subject.names.filter(y, y == x))) == size(subject.names)",
            'subject.names.exists_one(x, x == "n1" && subject.names.exists(y, y == x))',
        ],
    )
    @pytest.mark.parametrize(("count", "decided"), [(100, True), (101, False)])
    def test_macros_within_macros_go_through_ten_thousand_pairs_at_most(
        self, condition: str, count: int, *, decided: bool
    ) -> None:
        loaded, diagnostics = load_texts(
            {
                "set.yaml": f"""{self.HEAD}variables: {{any: 'subject.names.exists(y, y == "n1")'}}
rules:
  - {{id: r, title: r, when: '{condition}', fields: all, unmask: true}}
"""
            }
        )
        resolved = check(loaded, diagnostics, analyse=False)
        assert resolved is not None, diagnostics.items
        program = Program.from_bundle(bundle.build(resolved))
        request = decision_service_pb2.DecideRequest(fields=["mobile"])
        request.subject.id = "T1"
        request.subject.attributes["names"].string_list.values.extend(f"n{i}" for i in range(count))
        answer = decision_service_pb2.DecideResponse.FromString(program.decide(request.SerializeToString(), 0))
        undecided = [] if decided else [("UNDECIDED_RULE", "p/r", ())]
        assert decision_of(answer).verdicts[0].effect == ("unmask" if decided else "mask")
        assert list(decision_of(answer).diagnostics) == undecided
        question = decision_service_pb2.ExplainRequest(request=request).SerializeToString()
        trace = decision_service_pb2.ExplainResponse.FromString(program.explain(question, 0)).rules[0]
        wanted = "RULE_OUTCOME_MATCHED" if decided else "RULE_OUTCOME_UNDECIDED"
        assert decision_service_pb2.RuleOutcome.Name(trace.outcome) == wanted


def _refusals(text: str) -> list[str]:
    loaded, diagnostics = load_texts({"set.yaml": text})
    assert check(loaded, diagnostics, analyse=False) is None
    return [d.message for d in diagnostics.sorted()]


@pytest.mark.slow
@pytest.mark.timeout(7_200)
class TestManyCases:
    def test_conditions(self, conditions: ConditionBench, capsys: pytest.CaptureFixture[str]) -> None:
        refused = 0
        for number in range(-(-CASES // REQUESTS_PER_CONDITION)):
            source = Random(f"{SEED}/{number}")
            text, requests = conditions.case(source, REQUESTS_PER_CONDITION)
            found = conditions.differences(text, requests)
            refused += found is None
            assert not found, f"{SEED}/{number}: {found}"
        with capsys.disabled():
            print(f"\nconditions: {CASES} cases, 0 differences ({refused} conditions rightly refused)")

    def test_decisions(self, capsys: pytest.CaptureFixture[str]) -> None:
        seen: Counter[str] = Counter()
        small, refused = run_decisions(f"{SEED}/small", CASES * 3 // 4, size=0)
        large, more = run_decisions(f"{SEED}/large", CASES - CASES * 3 // 4, size=3, seen=seen)
        with capsys.disabled():
            print(f"\ndecisions: {small + large} cases, 0 differences ({refused + more} sets refused)")
            print(f"outcomes of the larger sets: {dict(sorted(seen.items()))}")
