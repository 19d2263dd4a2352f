"""Sign-ins of one account over a real staff port with TLS: its own records, put into its store as they are shipped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.control.accounts import AnomalyRules
from pdp.control.accounts.travel import PlaceTable
from pdp.lang.loader.places import PlaceSpec
from pdp.snapshot.store import open_writer
from pdp.v1 import account_service_pb2 as messages
from pdp.v1 import snapshot_pb2
from tests.integration.accounts_steps import MANAGER, SECOND, USER, Person
from tests.integration.staffed import Staffed, shown, staffed
from tests.integration.store_contract import fill, key

SESSION = "/pdp.v1.SessionService/"
DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    places = PlaceTable.of([PlaceSpec("Shanghai", 31.23, 121.47, ("127.0.0.0/8",))])
    with staffed(tmp_path, anomalies=AnomalyRules(places=places)) as found:
        yield found


def sign_in(port: Staffed, person: Person, **more: Any) -> Any:
    """Show all that an account needs, or something else instead."""
    fields = {"name": person.name, "password": person.password, "code": person.code(port.office.clock),
              "device": person.device, "device_name": "desk 7"} | more  # fmt: skip
    port.office.clock.later(30)
    return port.call(f"{SESSION}SignIn", **fields)


def ship(port: Staffed, folder: Path) -> None:
    """Put what the port has recorded into its store, a second apart."""
    bodies = []
    for number, operation in enumerate(port.operations):
        operation.id, operation.time_nanos = f"o{number:03}", port.office.clock.now + number * SECOND
        bodies.append(snapshot_pb2.Record(operation=operation).SerializeToString())
    writer = open_writer(f"sqlite:{folder / 'snapshots.db'}")
    fill(writer, key(boot=secrets.token_hex(8)), bodies)
    writer.close()


def test_who_reads_accounts_sees_anybodys_and_others_their_own(port: Staffed, tmp_path: Path) -> None:
    async def hire() -> list[Person]:
        one, two = await port.office.admins(2)
        people = [await port.office.hire(one, two, name, level) for name, level in (("wang", MANAGER), ("li", USER))]
        for person in people:
            await port.office.set_up(person)
        return people

    wang, li = port.run(hire())
    theirs = shown(sign_in(port, li).token, li.device)
    with pytest.raises(grpc.RpcError):
        sign_in(port, li, password="not it")  # noqa: S106 - a wrong one
    with pytest.raises(grpc.RpcError):
        sign_in(port, li, name="nobody")
    port.fails(f"{SESSION}ChangePassword", grpc.StatusCode.UNAUTHENTICATED, theirs, old_password="no", new_password="x")  # noqa: S106
    sign_in(port, li, device=b"1" * 32, device_name="")
    stolen = sign_in(port, li).token
    port.fails(f"{SESSION}GetSession", grpc.StatusCode.UNAUTHENTICATED, shown(stolen, b"2" * 32))
    mine = shown(sign_in(port, wang).token, wang.device)
    ship(port, tmp_path)

    answer = port.call(f"{SESSION}ListSignIns", mine, account="li")
    told = [
        (item.outcome, item.device, item.reason, list(item.factors), list(item.unusual), item.during)
        for item in answer.sign_ins
    ]
    signed, failed = messages.SIGN_IN_OUTCOME_SIGNED_IN, messages.SIGN_IN_OUTCOME_FAILED
    assert told == [
        (messages.SIGN_IN_OUTCOME_SESSION_REFUSED, "", "other_device", [], [], ""),
        (signed, "desk 7", "", ["password", "totp"], [], ""),
        (signed, "", "", ["password", "totp"], ["new_device"], ""),
        (failed, "", "password", [], [], "account.password"),
        (failed, "desk 7", "password", [], [], ""),
        (signed, "desk 7", "", ["password", "totp"], ["new_network"], ""),
    ]
    assert {(item.address, item.city) for item in answer.sign_ins} == {("127.0.0.1", "Shanghai")}
    assert all(bool(item.session) == (item.outcome == signed) for item in answer.sign_ins)
    assert [item.id for item in answer.sign_ins] == sorted((item.id for item in answer.sign_ins), reverse=True)
    assert answer.next_page_token == ""

    own = port.call(f"{SESSION}ListSignIns", theirs)
    assert own == port.call(f"{SESSION}ListSignIns", theirs, account="li") == answer
    assert "only their own sign-ins" in port.fails(f"{SESSION}ListSignIns", DENIED, theirs, account="wang")

    pages: list[str] = []
    token = ""
    while True:
        page = port.call(f"{SESSION}ListSignIns", theirs, page_size=4, page_token=token)
        pages += [item.id for item in page.sign_ins]
        token = page.next_page_token
        if not token:
            break
        assert len(page.sign_ins) == 4
        port.fails(f"{SESSION}ListSignIns", INVALID, mine, account="wang", page_size=4, page_token=token)
    assert pages == [item.id for item in answer.sign_ins]
    for wrong in ({"account": 'li" || true || "'}, {"page_size": 1001}, {"page_token": "x"}):
        port.fails(f"{SESSION}ListSignIns", INVALID, mine, **wrong)
