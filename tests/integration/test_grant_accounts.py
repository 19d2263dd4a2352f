"""Grants among people with accounts: who may ask, decide and see, by permission, branch and authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.v1 import account_pb2
from tests.integration.accounts_steps import Person
from tests.integration.staffed import Staffed, shown, staffed

GRANT = "/pdp.v1.GrantService/"
DENIED = grpc.StatusCode.PERMISSION_DENIED
ASK, APPROVE = account_pb2.PERMISSION_GRANT_ASK, account_pb2.PERMISSION_GRANT_APPROVE
READ = account_pb2.PERMISSION_GRANT_READ
USER, MANAGER = account_pb2.ACCOUNT_LEVEL_USER, account_pb2.ACCOUNT_LEVEL_MANAGER
WANTED = {"resource_type": "customer", "resource_id": "C1", "reason": "counter"}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    with staffed(tmp_path) as found:
        yield found


def right(permission: account_pb2.Permission, *branches: str) -> account_pb2.Right:
    return account_pb2.Right(permission=permission, scope=account_pb2.Scope(branches=branches))


class Branch:
    """Tellers and heads of two branches, and their sessions."""

    def __init__(self, port: Staffed) -> None:
        self._port = port
        self._sessions: dict[str, Any] = {}

        async def make() -> list[Person]:
            office = port.office
            one, two = await office.admins(2)
            wanted: dict[str, tuple[Any, dict[str, Any]]] = {
                "li": (USER, {"branch": "b1", "rights": [right(ASK, "b1")]}),
                "chen": (MANAGER, {"branch": "b1", "rights": [right(APPROVE, "b1")], "authority_level": 5}),
                "wang": (MANAGER, {"branch": "b2", "rights": [right(APPROVE, "b2"), right(READ, "b2")]}),
            }
            found = []
            for name, (level, given) in wanted.items():
                person = await office.hire(one, two, name, level, **given)
                await office.set_up(person)
                found.append(person)
            return found

        for person in port.run(make()):
            self._sessions[person.name] = shown(port.token(person), person.device)

    def call(self, who: str, method: str, **given: Any) -> Any:
        return self._port.call(GRANT + method, self._sessions[who], **given)

    def denied(self, who: str, method: str, **given: Any) -> str:
        return self._port.fails(GRANT + method, DENIED, self._sessions[who], **given)


def test_the_head_of_the_branch_decides_and_nobody_else(port: Staffed) -> None:
    branch = Branch(port)
    asked = branch.call("li", "AskForGrant", subject_id="T1", branch="b1", **WANTED).grant
    assert (asked.branch, asked.steps[0].actor) == ("b1", "li")
    assert "no authority" in branch.denied("wang", "ApproveGrant", id=asked.grant.id)
    assert "no authority" in branch.denied("wang", "GetGrant", id=asked.grant.id)
    assert "may not call ApproveGrant" in branch.denied("li", "ApproveGrant", id=asked.grant.id)

    assert [found.grant.id for found in branch.call("chen", "ListGrants", mine_to_approve=True).grants] == [
        asked.grant.id
    ]
    assert not branch.call("wang", "ListGrants").grants
    given = branch.call("chen", "ApproveGrant", id=asked.grant.id, reason="seen")
    assert (given.grant.grant.approver, given.grant.grant.approver_level) == ("chen", 5)
    assert given.grant_revision
    # Who asked may see it and give it back.
    assert branch.call("li", "GetGrant", id=asked.grant.id).grant.state == account_pb2.GRANT_STATE_ACTIVE
    assert "no authority" in branch.denied("wang", "RevokeGrant", id=asked.grant.id, reason="x")
    branch.call("li", "RevokeGrant", id=asked.grant.id, reason="done")

    kinds = [(item.kind, item.actor, item.success) for item in port.operations if item.kind.startswith("grant.")]
    assert kinds == [
        ("grant.ask", "li", True), ("grant.approve", "wang", False), ("grant.approve", "chen", True),
        ("grant.revoke", "wang", False), ("grant.revoke", "li", True),
    ]  # fmt: skip
    assert "C1" not in str([dict(item.details) for item in port.operations if item.kind.startswith("grant.")])


def test_nobody_asks_beyond_their_branch_or_in_its_name(port: Staffed) -> None:
    branch = Branch(port)
    assert "no authority" in branch.denied("li", "AskForGrant", subject_id="T1", branch="b2", **WANTED)
    own = branch.call("li", "AskForGrant", **WANTED).grant
    assert (own.grant.subject_id, own.branch) == ("li", "b1")
    assert "only business systems" in branch.denied("li", "RecordConsent", subject_id="T1")
