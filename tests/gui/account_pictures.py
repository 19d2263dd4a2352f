"""Pictures of accounts and of signing in: a bank with people, made straight in the store of a service that runs."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import grpc
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget

from admin_gui.domain.say import plain
from admin_gui.services.connection import Endpoint
from admin_gui.views.accounts import AccountsScreen
from admin_gui.views.accounts.caller_form import CallerForm
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context
from pdp.control.accounts.permissions import all_rights
from pdp.control.callers import CallerDesk, TokenWish
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.steps import Who
from pdp.errors import SignInError
from pdp.v1 import account_pb2, account_service_pb2, account_service_pb2_grpc, caller_pb2
from tests.gui.people import QUICK, Bank
from tests.integration.accounts_steps import ADMIN, MANAGER, PASSWORD, RESTRICTED, USER, Office, Person
from tests.integration.test_account_cli import Desk

_DAY: Final = 86_400
_WHERE: Final = plain("总行 pdp.bank.example:7072")
_PLACES: Final = """\
kind: Places
places:
  - {city: 上海, latitude: 31.23, longitude: 121.47, networks: [127.0.0.0/8]}
"""
_CONFIG: Final = f"""\
{QUICK}accounts:
  anomalies: {{places: places.yaml}}
  oidc: {{issuer: "https://id.bank.example/realms/staff", client_id: jingxi, label: Bank ID, label_zh: 行内统一认证}}
"""


class Pictures(Protocol):
    """What drives a window and takes its pictures."""

    def until(self, holds: Callable[[], bool]) -> None: ...
    def settle(self) -> None: ...
    def take(self, name: str, shown: QWidget | None = None) -> None: ...


def take_all(context: Context, camera: Callable[[Window], Pictures]) -> None:
    """Take them, from a service without accounts to one that is locked over its work."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CONFIG_HOME"] = str(folder / "home")
        (folder / "places.yaml").write_text(_PLACES)
        desk = Desk(folder, _CONFIG)
        window = Window(context, None)
        window.resize(1360, 840)
        window.show()
        # Nothing is lit because a mouse happens to be there.
        QCursor.setPos(window.mapToGlobal(window.rect().bottomRight()))
        try:
            _take(desk, window, camera(window))
        finally:
            window._leave()
            window.close()
            desk.end()


def _take(desk: Desk, window: Window, camera: Pictures) -> None:
    endpoint = Endpoint(desk.address, desk.folder / "ca.pem")

    def connect(name: str = "") -> Any:
        window.connect_to(endpoint, _WHERE, name)
        camera.until(lambda: window.keeper.screen is not None)
        return window.keeper.screen

    connect()
    camera.take("sign-in-first")
    window._begin_anew()
    bank = Bank(desk, _hire)
    asyncio.run(_let_systems_call(desk))
    _come_and_go(desk, bank)
    screen = connect("qian")
    screen.form.password.setText(bank.people["qian"].password)
    screen.form.go.click()
    camera.until(lambda: screen.pages.current is screen.password)
    for line in (screen.password.new, screen.password.again):
        line.setText(PASSWORD)
    screen.password.go.click()
    camera.until(screen.totp.code.isVisible)
    camera.take("sign-in-totp")
    window._begin_anew()
    screen = connect("chen")
    screen.form.password.setText("not it")
    screen.form.code.setText("000000")
    screen.form.go.click()
    camera.until(lambda: not screen.form.is_waiting)
    camera.take("sign-in")
    screen.form.password.setText(bank.people["chen"].password)
    screen.form.code.setText(bank.code("chen"))
    screen.form.go.click()
    camera.until(lambda: not window.keeper.is_locked)
    window.go("accounts")
    _take_tabs(window, camera)
    window.lock()
    camera.take("sign-in-locked")


def _take_tabs(window: Window, camera: Pictures) -> None:
    screen = window.shown_as("accounts")
    assert isinstance(screen, AccountsScreen)
    tabs: dict[str, Any] = dict(screen.tabs)

    def shown(name: str, key: object = None, list_: str = "list") -> Any:
        screen.show_tab(name)
        listing = getattr(tabs[name], list_)
        camera.until(lambda: listing.model.rowCount() > 0)
        if key is not None:
            listing.choose(key)
        camera.settle()
        return tabs[name]

    people = shown("people", "zhang")
    camera.until(lambda: people.sign_ins.list.model.rowCount() > 0)
    camera.take("accounts-people")
    requests = shown("requests")
    requests.list.table.selectRow(1)
    camera.take("accounts-requests")
    shown("reviews", "zhang")
    camera.take("accounts-reviews")
    anomalies = shown("anomalies")
    wang = [one for one in anomalies._found if one.account == "wang"]
    anomalies.list.choose(wang[-1].id)
    camera.take("accounts-anomalies")
    callers = shown("callers", None, "changes")
    callers.changes.table.selectRow(0)
    camera.take("accounts-callers")
    shown("callers", "core-counter")
    callers.edit.click()
    [form] = callers.findChildren(CallerForm)
    camera.take("accounts-caller-form", form)
    form.reject()
    shown("own")
    camera.take("accounts-own")


async def _hire(office: Office) -> Sequence[Person]:
    """Make people over the last months, some of whose rights are due for a review, and what waits for somebody."""
    accounts, clock, now = office.accounts, office.clock, time.time_ns()

    def ago(days: float) -> None:
        clock.now = now - int(days * _DAY * 10**9)

    ago(120)
    token = await accounts.make_first_token()
    assert token is not None
    await accounts.create_first(token, "chen", "陈薇", PASSWORD)
    chen = Person("chen")
    await office.set_up(chen)

    async def hire(judge: str, name: str, owner: str, level: Any, branch: str = "", rights: Any = None) -> Person:
        given = all_rights(level) if rights is None else rights
        wanted = account_pb2.Account(name=name, owner=owner, level=level, branch=branch, rights=given)
        return Person(name, await office.carry_out(account_pb2.REQUEST_KIND_CREATE, wanted, chen, Person(judge)))

    li = await hire("chen", "li", "李强", ADMIN)
    await office.set_up(li)
    found = {"chen": chen, "li": li}
    reads = [account_pb2.Right(permission=account_pb2.PERMISSION_SNAPSHOT_READ)]
    scope = account_pb2.Scope(branches=["0101", "0102"])
    approves = [
        account_pb2.Right(permission=account_pb2.PERMISSION_GRANT_APPROVE, scope=scope),
        account_pb2.Right(permission=account_pb2.PERMISSION_POLICY_APPROVE),
    ]
    writes = [account_pb2.Right(permission=account_pb2.PERMISSION_POLICY_WRITE),
              account_pb2.Right(permission=account_pb2.PERMISSION_SIMULATE)]  # fmt: skip
    for days, name, owner, level, branch, rights in (
        (110, "zhang", "张敏", USER, "0101", writes), (96, "wang", "王磊", MANAGER, "0101", approves),
        (80, "zhao", "赵琳", USER, "0102", writes), (60, "sun", "孙浩", RESTRICTED, "总行审计", reads),
    ):  # fmt: skip
        ago(days)
        found[name] = await hire("li", name, owner, level, branch, rights)
        await office.set_up(found[name])
    ago(2)
    for name, other in (("chen", "li"), ("li", "chen")):
        version = (await accounts.get(name)).version
        await accounts.confirm_rights(name, version, Who(other, "岗位未变，权限仍然需要"))
    ago(1.4)
    found["qian"] = await hire("li", "qian", "钱进", USER, "0103", writes)
    await _ask(office, ago)
    await _be_unusual(office, found, ago)
    ago(0)
    return list(found.values())


async def _ask(office: Office, ago: Callable[[float], None]) -> None:
    accounts = office.accounts
    made = []
    for days, kind, wanted, risk, who in (
        (0.9, account_pb2.REQUEST_KIND_CREATE,
         account_pb2.Account(name="wu", owner="吴刚", branch="0102", level=RESTRICTED,
                             rights=[account_pb2.Right(permission=account_pb2.PERMISSION_SNAPSHOT_READ)]),
         "low: 审计岗位新员工，只读", Who("li", "新员工入职")),
        (0.6, account_pb2.REQUEST_KIND_RESET, account_pb2.Account(name="zhao"), "medium: 须当面核对身份",
         Who("li", "手机丢失，验证器无法使用")),
        (0.2, account_pb2.REQUEST_KIND_CLOSE, account_pb2.Account(name="sun"), "low: 已交接", Who("li", "调离审计部")),
    ):  # fmt: skip
        ago(days)
        made.append(await accounts.ask(kind, wanted, risk, who))
    ago(0.5)
    await accounts.review(made[1].id, Who("chen", "已电话核对，本人申请"))


async def _be_unusual(office: Office, people: dict[str, Person], ago: Callable[[float], None]) -> None:
    """Let somebody sign in on a device that is not theirs, and somebody else after failures."""
    accounts = office.accounts
    ago(0.35)
    zhang = people["zhang"]
    await accounts.sign_in(zhang.attempt(office.clock, device=b"9" * 32, device_name="ZH-0977", address="10.6.2.41"))
    ago(0.3)
    wang = people["wang"]
    for _ in range(3):
        try:
            await accounts.sign_in(wang.attempt(office.clock, password="not it", address="10.1.4.20"))  # noqa: S106
        except SignInError:
            continue
    office.clock.later(120)
    await accounts.sign_in(wang.attempt(office.clock, address="10.1.4.20"))


async def _let_systems_call(desk: Desk) -> None:
    """Make callers, one of whose tokens is being rotated, and a change that waits."""
    store = SqliteStore(desk.folder / "data" / "control" / "control.db")
    now = time.time_ns()
    moment = [now - 40 * _DAY * 10**9]
    callers = CallerDesk(store, clock=lambda: moment[0])
    chen, li = Who("chen", "按变更单 CR-2026-118"), Who("li", "已核对")
    half_year = 180 * _DAY

    async def done(outcome: Any) -> None:
        if outcome.change is not None:
            await callers.approve(outcome.change.id, li)

    def wanted(name: str, what: str, owner: str, *applications: str, **more: Any) -> caller_pb2.Caller:
        return caller_pb2.Caller(
            name=name, description=what, owner=owner, applications=applications, subjects=["T*"], calls=["decide"],
            certificates=[f"dns:{name}.bank.example"], reports=True, **more,
        )  # fmt: skip

    try:
        rate = caller_pb2.CallerRate(per_second=500, burst=1000)
        counter = wanted("core-counter", "核心柜面", "周涛", "core-counter", rate=rate)
        loans = wanted("loans-desk", "信贷前台", "何静", "loans")
        mobile = wanted("mobile-bank", "手机银行", "马超", "mobile")
        for caller in (counter, loans, mobile):
            await done(await callers.create(caller, TokenWish("2026-10", half_year), chen, four_eyes=True))
        moment[0] = now - 3 * _DAY * 10**9
        await done(await callers.add_token("core-counter", TokenWish("2026-11", half_year), chen, four_eyes=True))
        await callers.disable("mobile-bank", Who("chen", "改用新的网关"), four_eyes=True)
        await callers.note_uses({
            ("core-counter", "2026-10"): now - 2 * _DAY * 10**9, ("core-counter", "2026-11"): now - 90 * 10**9,
            ("loans-desk", "2026-10"): now - 3600 * 10**9,
        })  # fmt: skip
        moment[0] = now - 1800 * 10**9
        wider = caller_pb2.Caller()
        wider.CopyFrom(await callers.get_caller("loans-desk"))
        wider.applications.append("cards")
        wider.calls.append("explain")
        await callers.update(wider, Who("li", "信用卡分期并入信贷前台"), four_eyes=True)
    finally:
        await store.close()


def _come_and_go(desk: Desk, bank: Bank) -> None:
    """Sign in over the network, and fail to, so that there is something on record."""
    credentials = grpc.ssl_channel_credentials((desk.folder / "ca.pem").read_bytes())
    with grpc.secure_channel(desk.address, credentials) as channel:
        stub = account_service_pb2_grpc.SessionServiceStub(channel)
        for name, device in (("zhang", "ZH-0417"), ("li", "ZH-0102"), ("sun", "SJ-0006")):
            person = bank.people[name]
            right = person.password
            for password, code in ((right, bank.code(name)), ("not it", ""), (right, bank.code(name))):
                asked = account_service_pb2.SignInRequest(
                    name=name, password=password, code=code, device=person.device, device_name=device
                )
                try:
                    stub.SignIn(asked, timeout=60)
                except grpc.RpcError:
                    continue
