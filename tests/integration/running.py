"""A server with real sockets in the test's process, and a small policy set for it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import queue
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pdp.server.app import App
from pdp.server.folder import Load
from pdp.server.settings import Admin, Settings, Staff, parse_address
from tests.integration.threads import launch_shipper_thread, launch_thread

# Long enough for a loaded machine; nothing waits that long when all is well.
PATIENCE = 60.0

ATTRIBUTES = """
kind: Attributes
attributes:
  subject.level: {type: int, label: {zh: 柜员级别, en: teller level}}
  resource.balance: {type: double, label: {zh: 余额, en: balance}}
  context.menu: {type: string, label: {zh: 菜单, en: menu}}
"""

DICTIONARY = """
kind: Dictionary
defaults: {C1: unmask, C2: mask, C3: mask}
fields:
  name: {label: {zh: 姓名, en: name}, level: C1}
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2, mask: mobile}
  balance: {label: {zh: 余额, en: balance}, level: C3}
---
kind: Masks
masks:
  mobile: {label: {zh: 显示前 3 后 4, en: first 3 and last 4 shown}, algorithm: keep, prefix: 3, suffix: 4}
---
kind: MessageMap
application: core-counter
message: customer-detail
resource: {type: customer, id: $.customer.no}
fields: {mobile: $.customer.mobile, name: $.customer.name}
"""

POLICY = """
kind: Policy
id: core
title: {zh: 核心柜面, en: core counter}
scope: {context.menu: ["3101"]}
rules:
  - id: senior
    title: {zh: 高级柜员, en: senior tellers}
    when: [subject.level >= 3]
    fields: [mobile]
    unmask: true
  - id: approved
    title: {zh: 经授权, en: authorised}
    when: [grant.active]
    fields: [balance]
    unmask: true
"""

GRANTS = """
kind: Grants
grants:
  - {id: G1, kind: supervisor, subject: T1, resource: {type: customer, id: C1}, fields: [balance], levels: [],
     not_before: "2000-01-01T00:00:00Z", expires_at: "2100-01-01T00:00:00Z", approver: M1, approver_level: 5,
     scenario: service, reason: counter, evidence: ""}
"""


class RunningServer:
    """A server in a thread of its own; `loads` receives every look at policies and grants.

    Without a data folder in its settings it has one for as long as it runs.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pdp-data-") if settings.data is None else None
        if self._folder is not None:
            settings = dataclasses.replace(settings, data=Path(self._folder.name))
        self._settings = settings
        self._started: queue.Queue[App | BaseException] = queue.Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.loads: queue.Queue[Load] = queue.Queue()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.app = self.make()
        try:
            async with self.app:
                self._started.put(self.app)
                await self.app.wait()
        except BaseException as error:  # the thread of the test raises it
            self._started.put(error)

    def make(self) -> App:
        return App(self._settings, self.loads.put, launch_thread, launch_shipper_thread)

    def begin(self) -> None:
        self._thread.start()

    def wait_until_ready(self) -> None:
        outcome = self._started.get(timeout=PATIENCE)
        if isinstance(outcome, BaseException):
            self.join()
            raise outcome

    def request_stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
            self._loop.call_soon_threadsafe(self.app.request_stop)

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._folder is not None:
            self._folder.cleanup()

    def next_load(self) -> Load:
        return self.loads.get(timeout=PATIENCE)

    @property
    def target(self) -> str:
        return str(self._settings.address if self._settings.address.path else self.app.address)


def write_policies(folder: Path) -> Path:
    """Write the small policy set into a new folder below this one and return it."""
    policies = folder / "policies"
    policies.mkdir()
    (policies / "attributes.yaml").write_text(ATTRIBUTES)
    (policies / "dictionary.yaml").write_text(DICTIONARY)
    (policies / "policy.yaml").write_text(POLICY)
    return policies


def put(path: Path, text: str) -> None:
    """Put a file in place at once, as a deployment does: a server that follows it never reads half."""
    aside = path.parent.parent / f"{path.name}.new"
    aside.write_text(text)
    aside.replace(path)


def start_server(policies: Path, *, wait: bool = True, **options: object) -> RunningServer:
    """Start a server on a folder with settings that suit tests; `options` are those of `Settings`."""
    defaults = {
        "address": parse_address("127.0.0.1:0"), "drain_seconds": 0.0, "poll_seconds": 0.2, "workers": 1,
        "admin": Admin(address="off"), "staff": Staff(address="off"),
    }  # fmt: skip
    server = RunningServer(Settings(policies, **(defaults | options)))  # type: ignore[arg-type]
    server.begin()
    if wait:
        server.wait_until_ready()
    return server


@contextlib.contextmanager
def stopping(servers: Sequence[RunningServer]) -> Iterator[None]:
    """Stop the servers of a list at the end."""
    try:
        yield
    finally:
        for server in servers:
            server.request_stop()
            server.join()
