"""What a callers file says about grants."""

from __future__ import annotations

import pytest

from pdp.errors import AccessDeniedError
from pdp.lang.loader import load_callers
from pdp.server.callers import Registry
from pdp.server.peers import Peer
from pdp.v1.grant_service_pb2 import AskForGrantRequest, GetGrantRequest, RecordConsentRequest

KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
ENTRY = """
kind: Callers
callers:
  - name: counter
    certificates: ["cn:counter"]
    applications: [core]
    subjects: ["T*"]
"""
ALL = frozenset({"AskForGrant", "RecordConsent", "GetGrant", "RevokeGrant"})


def registry(more: str) -> Registry:
    specs, diagnostics = load_callers("callers.yaml", ENTRY + more)
    assert not diagnostics.has_errors, diagnostics.sorted()
    # As workers get it.
    return Registry.deserialize(Registry(specs).serialize())


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ("", frozenset()),
        ("    grants: [ask]\n", {"AskForGrant", "GetGrant", "RevokeGrant"}),
        (f'    grants: [consent]\n    consent_key: "{KEY}"\n', {"RecordConsent", "GetGrant", "RevokeGrant"}),
        (f'    grants: [ask, consent]\n    consent_key: "{KEY}"\n', ALL),
    ],
)
def test_a_caller_may_do_with_grants_what_its_entry_says(more: str, allowed: frozenset[str]) -> None:
    caller = registry(more).identify(Peer(None, ("cn:counter",), ""))
    for method in ALL:
        if method in allowed:
            caller.admit(method)
        else:
            with pytest.raises(AccessDeniedError, match=f"may not call {method}"):
                caller.admit(method)
    assert caller.consent_key == (KEY if "consent" in more else "")
    caller.admit("Decide")


def test_grants_are_asked_for_in_the_callers_own_applications_and_for_its_subjects() -> None:
    caller = registry("    grants: [ask]\n").identify(Peer(None, ("cn:counter",), ""))
    caller.check(AskForGrantRequest(subject_id="T1", application="core"))
    caller.check(RecordConsentRequest(subject_id="T1", application="core"))
    caller.check(GetGrantRequest(id="g1"))
    for request in (AskForGrantRequest, RecordConsentRequest):
        with pytest.raises(AccessDeniedError, match=r"subject_id: .* may not ask for `M1`"):
            caller.check(request(subject_id="M1", application="core"))
        with pytest.raises(AccessDeniedError, match=r"application: .* may not ask for `loans`"):
            caller.check(request(subject_id="T1", application="loans"))
        with pytest.raises(AccessDeniedError, match="application"):
            caller.check(request(subject_id="T1"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("    grants: [consent]\n", "who records consents must sign them"),
        ("    grants: [approve]\n", "approve"),
        ('    grants: [consent]\n    consent_key: "abc"\n', "32 bytes of an Ed25519 public key"),
        (f'    consent_key: "{KEY.upper()}"\n', "32 bytes of an Ed25519 public key"),
    ],
)
def test_what_a_callers_file_may_not_say_of_grants(more: str, says: str) -> None:
    _, diagnostics = load_callers("callers.yaml", ENTRY + more)
    assert any(says in found.message for found in diagnostics.sorted()), diagnostics.sorted()
