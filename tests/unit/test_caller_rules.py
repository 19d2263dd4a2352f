"""Which changes of a caller let it do more, against what the decision port then lets it do; and who wins over whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.control.callers.rules import caller_of, check, normal, spec_of, widens
from pdp.control.callers.tokens import make_token, token_hash
from pdp.errors import AccessDeniedError, RequestError, UnauthenticatedError
from pdp.lang.loader.callers import CallerSpec, TokenSpec
from pdp.server.caller_register import merged
from pdp.server.callers import CALLS, GRANT_CALLS, Caller, Registry
from pdp.server.peers import Peer
from pdp.v1 import caller_pb2, types_pb2
from pdp.v1.decision_service_pb2 import DecideRequest
from tests.integration.callers_steps import wanted

APPLICATIONS, SUBJECTS = ("a", "b", "*"), ("T1", "T12", "T*", "T1*", "*")
METHODS = sorted(frozenset().union(*CALLS.values(), *GRANT_CALLS.values()))


def some(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)


rates = st.none() | st.builds(
    lambda a, b: caller_pb2.CallerRate(per_second=a, burst=b), st.integers(1, 3), st.integers(1, 3)
)


@st.composite
def callers(draw: st.DrawFn) -> caller_pb2.Caller:
    grants = draw(st.lists(st.sampled_from(("ask", "consent")), max_size=2, unique=True))
    made = wanted(
        applications=draw(some(APPLICATIONS)), subjects=draw(some(SUBJECTS)), calls=draw(some(("decide", "explain"))),
        grants=grants, consent_key=draw(st.sampled_from(("a" * 64, "b" * 64))) if "consent" in grants else "",
        certificates=draw(st.lists(st.sampled_from(("cn:a", "cn:b")), unique=True)), bundles=draw(st.booleans()),
        reports=draw(st.booleans()), disabled=draw(st.booleans()),
        tokens=[caller_pb2.CallerToken(id=name, sha256=name.encode() * 16) for name in draw(some(("t1", "t2")))],
        rate=draw(rates),
    )  # fmt: skip
    disabled, tokens = made.disabled, made.tokens
    made = normal(made)
    made.disabled = disabled
    made.tokens.extend(tokens)
    return made


def can(caller: caller_pb2.Caller) -> set[str]:
    """Return all that a caller can do, tried out one by one."""
    spec = spec_of(caller)
    if spec.disabled:
        return set()
    made = Caller(spec, None)
    found = set()
    for method in METHODS:
        try:
            made.admit(method)
        except AccessDeniedError:
            continue
        found.add(method)
    for application in ("a", "b", "c"):
        for subject in ("T", "T1", "T12", "T2", "X"):
            request = DecideRequest(
                subject=types_pb2.Subject(id=subject),
                context={"application": types_pb2.Value(string_value=application)},
            )
            try:
                made.check(request)
            except AccessDeniedError:
                continue
            found.add(f"{application} {subject}")
    found |= {token.sha256 for token in spec.tokens} | set(spec.certificates)
    found |= {name for name in ("bundles", "reports") if getattr(made, name)}
    if made.consent_key:
        found.add(made.consent_key)
    rate = spec.rate
    for number in (1, 2, 3):
        if rate is None or rate.per_second >= number:
            found.add(f"{number} a second")
        if rate is None or rate.burst >= number:
            found.add(f"{number} at once")
    return found | ({"any rate"} if rate is None else set())


@given(callers(), callers())
def test_what_widens_nothing_lets_nobody_do_more(before: caller_pb2.Caller, after: caller_pb2.Caller) -> None:
    if not widens(before, after):
        assert can(after) <= can(before)


@given(callers())
def test_nothing_and_a_lock_widen_nothing(caller: caller_pb2.Caller) -> None:
    assert widens(None, caller) == ["caller"]
    assert widens(caller, caller) == []
    locked = caller_pb2.Caller()
    locked.CopyFrom(caller)
    locked.disabled = True
    del locked.tokens[:]
    assert widens(caller, locked) == []


@pytest.mark.parametrize(
    ("part", "more"),
    [
        ("applications", {"applications": ["core-counter", "x"]}), ("subjects", {"subjects": ["T*", "U1"]}),
        ("subjects", {"subjects": ["*"]}), ("calls", {"calls": ["decide", "explain"]}), ("grants", {"grants": ["ask"]}),
        ("certificates", {"certificates": ["cn:x"]}), ("consent_key", {"consent_key": "a" * 64}),
        ("bundles", {"bundles": True}),
    ],
)  # fmt: skip
def test_each_part_that_is_more_is_named(part: str, more: dict[str, object]) -> None:
    assert widens(normal(wanted()), normal(wanted(**more))) == [part]


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("name", {"name": "Counter"}), ("name", {"name": "-"}), ("owner", {"owner": " "}),
        ("certificates[1]", {"certificates": ["cn:a", "dns:*.bank"]}), ("applications", {"applications": []}),
        ("applications[0]", {"applications": ["A B"]}), ("subjects[0]", {"subjects": ["a*b"]}),
        ("subjects[0]", {"subjects": [""]}), ("subjects", {"subjects": []}), ("calls[0]", {"calls": ["Decide"]}),
        ("grants[0]", {"grants": ["all"]}), ("consent_key", {"grants": ["consent"]}),
        ("consent_key", {"consent_key": "AA"}), ("rate", {"rate": {"per_second": 0}}),
        ("description", {"description": "a\nb"}), ("certificates", {"certificates": [f"cn:{n}" for n in range(201)]}),
        ("caller", {"subjects": ["T" * 400 + str(n) for n in range(200)]}),
    ],
)  # fmt: skip
def test_what_cannot_be_a_caller_is_named(part: str, wrong: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:
        check(wanted(**wrong))
    assert {v.field.removeprefix("caller.") for v in caught.value.violations} == {part}


def spec(name: str, *certificates: str, token: str = "") -> CallerSpec:
    tokens = (TokenSpec("t", token_hash(token)),) if token else ()
    return CallerSpec(name, certificates, tokens, ("*",), ("*",))


def test_the_file_wins_over_what_staff_manage() -> None:
    shared, own = make_token(), make_token()
    file = [spec("counter", "cn:a", token=shared)]
    managed = [spec("counter", "cn:b", token=own), spec("desk", "cn:a", "cn:d"), spec("loans", token=shared)]
    kept, hidden = merged(file, managed)
    assert hidden == ["counter", "desk", "loans"]
    registry = Registry(kept)
    assert registry.identify(Peer(None, ("cn:a",))).name == "counter"
    assert registry.identify(Peer(None, ("cn:d",))).name == "desk"
    assert registry.identify(Peer(shared)).name == "counter"
    for peer in (Peer(own), Peer(None, ("cn:b",))):
        with pytest.raises(UnauthenticatedError):
            registry.identify(peer)
    # Without the file they count again.
    assert Registry(merged([], managed[:1])[0]).identify(Peer(own)).name == "counter"


def test_a_callers_file_is_told_like_managed_ones() -> None:
    made = CallerSpec("counter", ("cn:a",), (TokenSpec("t", "ab" * 32, 5), TokenSpec("off", "cd" * 32, None, True)),
                      ("*",), ("*",), bundles=True, reports=False)  # fmt: skip
    told = spec_of(caller_of(made))
    assert told.tokens == made.tokens[:1]
    assert (told.bundles, told.reports, told.certificates) == (True, False, ("cn:a",))


def test_a_token_of_a_managed_caller_is_held_to_its_end() -> None:
    token = make_token()
    caller = wanted(tokens=[{"id": "t", "sha256": bytes.fromhex(token_hash(token)), "expires_nanos": 100}])
    now = 99
    registry = Registry([spec_of(normal(wanted("other"))), spec_of(caller)], clock=lambda: now)
    assert registry.identify(Peer(token)).name == "counter"
    now = 100
    with pytest.raises(UnauthenticatedError, match="expired"):
        registry.identify(Peer(token))


def test_uses_of_tokens_are_told_once() -> None:
    token = make_token()
    registry = Registry([spec("counter", token=token), spec("desk", token=make_token())])
    assert registry.used() == set()
    registry.identify(Peer(token))
    registry.identify(Peer(token))
    assert registry.used() == {("counter", "t")}
    assert registry.used() == set()
