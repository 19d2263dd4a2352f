"""People with accounts at a real `pdp serve`, made straight in its store: the ways there are other tests'."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from admin_gui.domain.say import plain
from admin_gui.services.connection import Endpoint
from admin_gui.views.accounts import AccountsScreen
from admin_gui.views.accounts.part import Tab
from admin_gui.views.window import Window
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context
from pdp.control.accounts import Accounts, SecretKey
from pdp.control.kv.sqlite import SqliteStore
from pdp.server.account_settings import own_key
from tests.integration.accounts_steps import Hands, Office, Person, quick_hasher
from tests.integration.test_account_cli import Desk

PATIENCE = 60_000
QUICK = "workers: 1\ndrain_seconds: 0\n"
"""Settings of a service that few ask: it starts and ends sooner."""
Hiring = Callable[[Office], Awaitable[Sequence[Person]]]


@asynccontextmanager
async def office_of(desk: Desk) -> AsyncIterator[Office]:
    """Give the accounts of a service that runs, by its own store and key, and the hour of now."""
    store = SqliteStore(desk.folder / "data" / "control" / "control.db")
    clock = Hands()
    clock.now = time.time_ns()
    key = SecretKey.load(own_key(desk.folder / "data"))
    accounts = Accounts(store, key, None, quick_hasher(), clock=clock)
    try:
        yield Office(accounts, clock)
    finally:
        accounts.hasher.close()
        await store.close()


class Bank:
    """A service and people, each with recovery codes that sign in once."""

    def __init__(self, desk: Desk, hiring: Hiring) -> None:
        self.desk = desk
        self.endpoint = Endpoint(desk.address, desk.folder / "ca.pem")
        self.people: dict[str, Person] = {}
        self._codes: dict[str, Iterator[str]] = {}
        self.hire(hiring)

    def hire(self, hiring: Hiring) -> None:
        """Let people have accounts, and learn of them."""

        async def hire() -> Sequence[Person]:
            async with office_of(self.desk) as office:
                return await hiring(office)

        for person in asyncio.run(hire()):
            self.people[person.name] = person
            self._codes[person.name] = iter(person.recovery)

    def code(self, name: str) -> str:
        """Return a recovery code of somebody that was not used yet."""
        return next(self._codes[name])


class Seat:
    """A window, and whoever sits at it."""

    def __init__(self, qtbot: QtBot, context: Context) -> None:
        self.qtbot = qtbot
        self.window = Window(context, None)
        self.window.show()

    def wait(self, so: Callable[[], bool]) -> None:
        """Wait until it is so."""
        self.qtbot.waitUntil(so, timeout=PATIENCE)

    def connect(self, endpoint: Endpoint) -> None:
        """Go to where one signs in."""
        self.window.connect_to(endpoint, plain("bank"))
        self.wait(lambda: self.window.keeper.screen is not None)

    def show(self, name: str, password: str, code: str = "") -> None:
        """Enter what signs somebody in, and wait for no answer."""
        screen = self.window.keeper.screen
        assert screen is not None
        screen.form.name.setText(name)
        screen.form.password.setText(password)
        screen.form.code.setText(code)
        screen.form.go.click()

    def fails(self, name: str, password: str, code: str = "") -> str:
        """Enter what signs nobody in; return what is said."""
        self.show(name, password, code)
        screen = self.window.keeper.screen
        assert screen is not None
        self.wait(lambda: not screen.form.is_waiting)
        assert screen.form.banner.isVisible()
        return screen.form.banner._text.text()

    def enter(self, bank: Bank, name: str) -> None:
        """Sign in, and go to the accounts."""
        self.show(name, bank.people[name].password, bank.code(name))
        self.wait(lambda: not self.window.keeper.is_locked)
        self.window.go("accounts")

    def tab(self, name: str) -> Any:
        """Show a tab of the accounts."""
        screen = self.window.shown_as("accounts")
        assert isinstance(screen, AccountsScreen)
        screen.show_tab(name)
        return screen.tabs[name]

    def answer(self, tab: Tab, **answers: Any) -> None:
        """Answer the dialog that a button has opened, and wait until it is done."""
        [ask] = [one for one in tab.findChildren(Ask) if one.isVisible()]
        ask.answer(**answers)
        self.done(tab)

    def done(self, tab: Tab) -> None:
        """Wait until what was asked for is done, or refused."""
        call = tab._does
        assert call is not None
        self.wait(lambda: call.is_over)

    def close(self) -> None:
        """Leave."""
        self.window._leave()
        self.window.close()
        self.window.deleteLater()


def at_device(person: Person, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine be a device that an account knows already."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    file = home / "jingxi" / "session"
    file.parent.mkdir(parents=True, exist_ok=True)
    device = base64.urlsafe_b64encode(person.device).decode().rstrip("=")
    file.write_text(json.dumps({"device": device, "ports": {}}))
    file.chmod(0o600)


class Cable:
    """What lies between a window and a service, and can be cut: bytes go through it both ways."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._to = (host, int(port))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.address = f"{host}:{self._port}"
        self.mend()

    def mend(self) -> None:
        """Let the service be reached."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._sockets.append(listener)
        self._begin(self._accept, listener)

    def cut(self) -> None:
        """Let nothing through any more; who calls is refused."""
        threads, self._threads = self._threads, []
        for one in self._sockets:
            # Threads that wait on it wake up by this, not by its end.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(30)
        for one in self._sockets:
            one.close()
        self._sockets = []

    def _begin(self, target: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._sockets += [near, far]
            self._begin(_pass, near, far)
            self._begin(_pass, far, near)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
