"""Signing in at a real `pdp serve` with TLS and a real OpenID provider, from the desktop program."""

from __future__ import annotations

import gc
import json
import stat
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from admin_gui.domain.say import plain
from admin_gui.services.connection import Endpoint
from admin_gui.services.device import device_secret
from admin_gui.views.sign_in.screen import SignInScreen
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context
from pdp.cli.session_file import SessionFile
from pdp.v1 import account_pb2
from tests.gui import people
from tests.integration.accounts_steps import RESTRICTED, USER, Office, Person
from tests.integration.oidc_provider import SECRET, OpenIdProvider, openid_provider
from tests.integration.oidc_steps import identity
from tests.integration.test_account_cli import Desk
from tests.integration.test_oidc_cli import follow

PATIENCE = 60_000
READS = [account_pb2.Right(permission=account_pb2.PERMISSION_SNAPSHOT_READ)]


class Bank(people.Bank):
    """A service, its provider, and people with accounts."""

    def __init__(self, desk: Desk, provider: OpenIdProvider) -> None:
        self.provider = provider
        super().__init__(desk, self._hiring)

    async def _hiring(self, office: Office) -> Sequence[Person]:
        one, two = await office.admins(2)
        auditor = await office.hire(one, two, "auditor", RESTRICTED, READS)
        writer = await office.hire(one, two, "writer", USER)
        for person in (auditor, writer):
            await office.set_up(person)
        fresh = await office.hire(one, two, "fresh", RESTRICTED, [])
        await office.hire(one, two, "zhang", USER, oidc=identity("u-1001", self.provider.issuer))
        return [one, two, auditor, writer, fresh]


@pytest.fixture(scope="module")
def bank_of_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    with openid_provider(tmp_path_factory.mktemp("id"), time.time_ns) as provider:
        desk = Desk(
            folder,
            f"{people.QUICK}accounts:\n  idle_seconds: 600\n  oidc:\n    issuer: {provider.issuer}\n"
            f"    client_id: jingxi\n    ca: {provider.ca}\n    client_secret: {{file: secret}}\n"
            "    second_factor_amr: mfa\n    label: 行内认证\n",
        )
        yield Bank(desk, provider)
        desk.end()


class Browser:
    """What a person does in the browser: signs in at the provider, and is sent back."""

    def __init__(self) -> None:
        self.provider: OpenIdProvider | None = None
        self.urls: list[str] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, url: str) -> bool:
        self.urls.append(url)
        if self.provider is not None:
            self.threads.append(threading.Thread(target=self._go, args=(self.provider, url)))
            self.threads[-1].start()
        return True

    @staticmethod
    def _go(provider: OpenIdProvider, url: str) -> None:
        provider.browse(url)
        follow(provider.location)


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    for thread in made.threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "jingxi" / "session"


@pytest.fixture
def guarded(qtbot: QtBot, context: Context, bank_of_people: Bank, browser: Browser, home: Path) -> Iterator[Window]:
    """A window before which somebody has to sign in."""
    del home
    made = Window(context, None, browser)
    made.show()
    made.connect_to(bank_of_people.endpoint, plain("bank"))
    qtbot.waitUntil(lambda: made.keeper.screen is not None, timeout=PATIENCE)
    yield made
    made._leave()
    made.close()
    made.deleteLater()


def asking(window: Window) -> SignInScreen:
    found = window.keeper.screen
    assert found is not None
    return found


def sign_in(qtbot: QtBot, window: Window, bank: Bank, name: str) -> None:
    form = asking(window).form
    form.name.setText(name)
    form.password.setText(bank.people[name].password)
    form.code.setText(bank.code(name))
    form.go.click()
    qtbot.waitUntil(lambda: not window.keeper.is_locked, timeout=PATIENCE)


def places(window: Window) -> list[str]:
    return [screen.key for screen in window._screens]


def test_what_does_not_sign_in_tells_nothing(qtbot: QtBot, guarded: Window) -> None:
    form = asking(guarded).form
    form.go.click()
    assert "用户名" in form.banner._text.text()
    told = []
    for name in ("nobody", "auditor"):
        form.name.setText(name)
        form.password.setText("wrong")
        form.code.setText("123456")
        form.go.click()
        assert form.is_waiting
        qtbot.waitUntil(lambda: not form.is_waiting, timeout=PATIENCE)
        told.append(form.banner._text.text())
    assert told[0] == told[1]
    assert told[0].startswith("未能登录")
    assert (form.code.text(), guarded.keeper.account) == ("", None)
    assert [button.text() for button in form.providers] == ["通过行内认证登录"]


def test_an_auditor_sees_no_more_than_they_may_and_comes_back_after_a_while(
    qtbot: QtBot, guarded: Window, bank_of_people: Bank, context: Context
) -> None:
    sign_in(qtbot, guarded, bank_of_people, "auditor")
    assert places(guarded) == ["start", "snapshots", "accounts"]
    assert "auditor" in guarded.session.text()
    assert not [action for action in guarded.actions_.all if action.objectName() == "save"]
    accounts = guarded.shown_as("accounts")
    assert list(accounts.tabs) == ["own"]  # type: ignore[attr-defined]
    guarded.go("accounts")

    presence = guarded.keeper.presence
    assert presence is not None
    assert presence._idle_seconds == 600
    presence._last -= 570
    presence.look()
    assert "秒后锁定" in guarded.banner._text.text()
    presence._last -= 30
    presence.look()
    assert guarded.keeper.is_locked
    assert not accounts.isVisible()
    assert guarded.keeper.account is not None
    form = asking(guarded).form
    assert (form.name.text(), form.name.isReadOnly()) == ("auditor", True)
    context.language.choose("en")
    assert "unsaved changes" in asking(guarded).banner._text.text()

    sign_in(qtbot, guarded, bank_of_people, "auditor")
    assert guarded.shown_as("accounts") is accounts
    assert accounts.isVisible()


def test_a_session_that_ends_elsewhere_leads_to_signing_in(qtbot: QtBot, guarded: Window, bank_of_people: Bank) -> None:
    sign_in(qtbot, guarded, bank_of_people, "writer")
    policies = guarded.shown_as("policies")
    assert guarded._connection is not None
    # Its token is shown on another device, as if somebody had taken it along.
    guarded._connection.sign_in(guarded._connection._token, b"x" * 32)
    guarded.go("accounts")
    qtbot.waitUntil(lambda: guarded.keeper.is_locked, timeout=PATIENCE)
    assert "会话已结束" in asking(guarded).banner._text.text()
    sign_in(qtbot, guarded, bank_of_people, "writer")
    assert guarded.shown_as("policies") is policies


def test_a_given_password_is_changed_and_an_authenticator_set_up(
    qtbot: QtBot, guarded: Window, bank_of_people: Bank, home: Path, tmp_path: Path
) -> None:
    from pdp.control.accounts import totp
    from tests.integration.accounts_steps import secret_of

    screen = asking(guarded)
    screen.form.name.setText("fresh")
    screen.form.password.setText(bank_of_people.people["fresh"].password)
    screen.form.go.click()
    qtbot.waitUntil(lambda: screen.pages.current is screen.password, timeout=PATIENCE)
    assert not screen.form.password.text()
    screen.password.new.setText("Another-Horse-8-Battery")
    screen.password.again.setText("Another-Horse-9-Battery")
    screen.password.go.click()
    assert "不同" in screen.password.banner._text.text()
    screen.password.again.setText("Another-Horse-8-Battery")
    screen.password.go.click()
    qtbot.waitUntil(screen.totp.code.isVisible, timeout=PATIENCE)
    uri = screen.totp._uri
    assert screen.totp.secret.text().replace(" ", "") in uri
    drawn = screen.totp.qr.grab().toImage()
    assert {drawn.pixelColor(x, y).lightness() for x in range(0, 196, 2) for y in range(0, 196, 2)} >= {0, 255}
    screen.totp.code.setText("000000")
    screen.totp.go.click()
    qtbot.waitUntil(screen.totp.banner.isVisible, timeout=PATIENCE)
    screen.totp.code.setText(totp.code_at(secret_of(uri), totp.step_at(time.time_ns())))
    screen.totp.go.click()
    qtbot.waitUntil(lambda: screen.pages.current is screen.recovery, timeout=PATIENCE)
    codes = screen.recovery.codes.toPlainText().split()
    assert len(codes) == 10
    assert not screen.recovery.go.isEnabled()
    kept = tmp_path / "codes.txt"
    screen.recovery.save(kept)
    assert kept.read_text().split() == ["fresh", *codes]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    screen.recovery.put_away.setChecked(True)
    screen.recovery.go.click()
    qtbot.waitUntil(lambda: not guarded.keeper.is_locked, timeout=PATIENCE)
    assert guarded.keeper.account is not None
    # The command line is the same device, and learns of no session.
    assert stat.S_IMODE(home.stat().st_mode) == 0o600
    assert SessionFile(home).device() == device_secret()
    assert json.loads(home.read_text())["ports"] == {}


def test_by_the_browser_and_back(qtbot: QtBot, guarded: Window, bank_of_people: Bank, browser: Browser) -> None:
    screen, provider = asking(guarded), bank_of_people.provider
    screen.form.providers[0].click()
    qtbot.waitUntil(lambda: bool(browser.urls), timeout=PATIENCE)
    assert "剩余" in screen.oidc.told.text()
    port = screen.oidc._loopback
    assert port is not None
    # What does not carry the state of this sign-in comes to nobody.
    stranger = threading.Thread(target=follow, args=(f"{port.uri}?state=other&code=x",))
    stranger.start()
    qtbot.waitUntil(lambda: not stranger.is_alive(), timeout=PATIENCE)
    assert screen.oidc._said is None
    screen.oidc.stop.click()
    assert screen.pages.current is screen.form

    provider.answers.clear()
    provider.claims = {"amr": ["pwd", "mfa"]}
    browser.provider = provider
    screen.form.providers[0].click()
    qtbot.waitUntil(lambda: not guarded.keeper.is_locked, timeout=PATIENCE)
    account = guarded.keeper.account
    assert account is not None
    assert account.name == "zhang"


def test_a_provider_that_refuses_is_told(qtbot: QtBot, guarded: Window, browser: Browser) -> None:
    page = asking(guarded).oidc
    asking(guarded).form.providers[0].click()
    qtbot.waitUntil(lambda: bool(browser.urls), timeout=PATIENCE)
    assert page._loopback is not None
    assert page._begun is not None
    back = f"{page._loopback.uri}?state={page._begun.state}&error=access_denied"
    person = threading.Thread(target=follow, args=(back,))
    person.start()
    qtbot.waitUntil(page.banner.isVisible, timeout=PATIENCE)
    assert "access_denied" in page.banner._text.text()
    qtbot.waitUntil(lambda: not person.is_alive(), timeout=PATIENCE)
    # Nobody comes in time.
    page.begin(b"x" * 32, "bank")
    qtbot.waitUntil(lambda: page._left > 0, timeout=PATIENCE)
    page._left = 1
    page._count()
    assert "限定时间" in page.banner._text.text()
    assert page._loopback is None


def test_nothing_stays_behind_when_somebody_signs_out(qtbot: QtBot, guarded: Window, bank_of_people: Bank) -> None:
    sign_in(qtbot, guarded, bank_of_people, "admin-1")
    guarded.go("accounts")
    connection = guarded._connection
    assert connection is not None
    token = connection._token
    dead = [weakref.ref(guarded.shown_as("accounts")), weakref.ref(connection), weakref.ref(guarded.keeper.presence)]
    del connection
    guarded.sign_out()
    qtbot.waitUntil(lambda: guarded.stack.currentWidget() is guarded.start, timeout=PATIENCE)

    def gone() -> bool:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return not any(one() for one in dead)

    qtbot.waitUntil(gone, timeout=PATIENCE)
    assert places(guarded) == ["start"]
    assert not guarded.session.isVisible()
    files = [path for path in (bank_of_people.desk.folder).rglob("*") if path.is_file()]
    assert token
    assert not any(token.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize(("change", "words"), [
    (lambda endpoint, folder: Endpoint(endpoint.address), "不信任服务的证书"),
    (lambda endpoint, folder: Endpoint("localhost:1", endpoint.ca), "没有服务在监听"),
    (lambda endpoint, folder: Endpoint("nowhere.invalid:7443", endpoint.ca), "找不到此主机名"),
    (lambda endpoint, folder: Endpoint(f"unix:{folder}/none.sock"), "没有此套接字文件"),
    (lambda endpoint, folder: Endpoint(endpoint.address, folder / "no.pem"), "读不出证书文件"),
])  # fmt: skip
def test_why_a_service_is_not_reached(
    qtbot: QtBot, context: Context, bank_of_people: Bank, tmp_path: Path, change: object, words: str
) -> None:
    made = Window(context, None)
    endpoint: Endpoint = change(bank_of_people.endpoint, tmp_path)  # type: ignore[operator]
    # A CA that has signed nothing here; plain text is for this machine alone, so it is given one.
    if endpoint.ca is None and not endpoint.address.startswith("unix:"):
        endpoint = Endpoint(endpoint.address, bank_of_people.provider.ca)
    made.show()
    made.connect_to(endpoint, plain("bank"))
    qtbot.waitUntil(made.start.banner.isVisible, timeout=PATIENCE)
    assert words in made.start.banner._text.text(), made.start.banner._details
    made.close()
    made.deleteLater()


def test_a_service_that_goes_away_in_the_middle_and_comes_back(
    qtbot: QtBot, context: Context, bank_of_people: Bank, home: Path
) -> None:
    del home
    cable = people.Cable(bank_of_people.desk.address)
    made = Window(context, None)
    made.show()
    made.connect_to(Endpoint(cable.address, bank_of_people.endpoint.ca), plain("bank"))
    qtbot.waitUntil(lambda: made.keeper.screen is not None, timeout=PATIENCE)
    form = asking(made).form
    cable.cut()
    code = bank_of_people.code("writer")
    form.name.setText("writer")
    form.password.setText(bank_of_people.people["writer"].password)
    form.code.setText(code)
    form.go.click()
    qtbot.waitUntil(lambda: not form.is_waiting, timeout=PATIENCE)
    # Nothing is shown a second time by itself, for a code may have counted.
    assert "没有完成" in form.banner._text.text()
    assert (form.name.text(), form.code.text(), form.go.isEnabled()) == ("writer", "", True)
    cable.mend()

    def enters() -> bool:
        if not form.is_waiting and made.keeper.is_locked and "没有完成" in form.banner._text.text():
            form.code.setText(code)
            form.go.click()
        return not made.keeper.is_locked

    qtbot.waitUntil(enters, timeout=PATIENCE)
    # While somebody works, the window says so, goes on by itself, and the session is still theirs.
    cable.cut()
    qtbot.waitUntil(lambda: "自动重连" in made.banner._text.text() and made.banner.isVisible(), timeout=PATIENCE)
    assert not made.keeper.is_locked
    cable.mend()
    qtbot.waitUntil(lambda: not made.banner.isVisible(), timeout=PATIENCE)
    assert not made.keeper.is_locked
    made._leave()
    made.close()
    made.deleteLater()
    cable.cut()
