"""A service that decides by what is published into it, for tests of drafts; and people at its policies' screen."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from admin_gui.domain.rights import EVERYTHING, Rights
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.services.texts import text_of
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.policies.lifecycle import Lifecycle
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import decision_service_pb2, policy_service_pb2
from jingxi_client._gen.pdp.v1.decision_service_pb2_grpc import DecisionServiceStub
from jingxi_client._gen.pdp.v1.policy_service_pb2_grpc import PolicyServiceStub
from tests.commands import program
from tests.integration.running import ATTRIBUTES, DICTIONARY, POLICY

PATIENCE = 60_000
TEXTS = {"attributes.yaml": ATTRIBUTES, "dictionary.yaml": DICTIONARY, "policies/core.yaml": POLICY}
CORE = "policies/core.yaml"


class Drafting:
    """A running service. What is asked here besides is asked by somebody else than who sits at the screen."""

    def __init__(self, staff: str) -> None:
        self.staff = staff
        self._channels = [grpc.insecure_channel(staff)]
        self._policies: Any = PolicyServiceStub(self._channels[0])  # type: ignore[no-untyped-call]
        self._decisions: Any = None

    def hear(self, decisions: str) -> None:
        """Ask for decisions there."""
        self._channels.append(grpc.insecure_channel(decisions))
        self._decisions = DecisionServiceStub(self._channels[-1])  # type: ignore[no-untyped-call]

    def call(self, method: str, /, **fields: Any) -> Any:
        request = getattr(policy_service_pb2, f"{method}Request")(**fields)
        return getattr(self._policies, method)(request, timeout=60)

    def save(self, name: str, texts: Mapping[str, str] = TEXTS, version: int = 0) -> Any:
        return self.call("SaveDraft", name=name, version=version, sources=text_of(texts).sources).draft

    def publish(self, name: str, texts: Mapping[str, str] = TEXTS) -> int:
        draft = self.save(name, texts)
        draft = self.call("SubmitDraft", name=name, version=draft.version).draft
        number: int = self.call("PublishDraft", name=name, version=draft.version).revision.number
        return number

    def decide(self, level: int) -> Any:
        """Ask for a customer's mobile number as a teller of a level."""
        request = decision_service_pb2.DecideRequest(fields=["mobile"])
        request.subject.id, request.action.name = "T1", "query"
        request.resource.type, request.resource.id = "customer", "C1"
        request.subject.attributes["level"].int_value = level
        request.context["menu"].string_value = "3101"
        return self._decisions.Decide(request, timeout=60)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


@contextmanager
def drafting() -> Iterator[Drafting]:
    """Start a service with the small policy set in force."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="jx-") as folder, (Path(folder) / "log").open("w+") as log:
        ready, socket = Path(folder) / "ready", Path(folder) / "data" / "staff.sock"
        command = [
            program(), "serve", "--listen", "127.0.0.1:0", "--ready-file", str(ready), "--data",
            str(socket.parent), "--node", "desk-1", "--drain", "0", "--workers", "1",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=log, stderr=log)

        def wait(path: Path) -> None:
            deadline = time.monotonic() + 180
            while not path.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise AssertionError(log.read())
                select.select([], [], [], 0.02)

        try:
            wait(socket)
            made = Drafting(f"unix:{socket}")
            # It is ready once there is something to decide by.
            made.publish("first")
            wait(ready)
            made.hear(json.loads(ready.read_text())["address"])
            yield made
            made.close()
        finally:
            process.terminate()
            process.wait(60)


class Seat:
    """Somebody at a policies' screen of their own."""

    def __init__(self, context: Context, address: str, rights: Rights = EVERYTHING, ca: Path | None = None) -> None:
        self.connection = Connection(Endpoint(address, ca))
        self.routes = Routes()
        self.screen = PoliciesScreen(Desk(context, self.connection, rights, self.routes))
        assert self.screen.lifecycle is not None
        self.life: Lifecycle = self.screen.lifecycle
        self.session, self.editor = self.life.session, self.screen.workbench.editor
        self.review = self.life.drafts.review

    def begin(self) -> None:
        self.screen.resize(1300, 800)
        self.screen.show()
        self.screen.load()

    def write(self, old: str, new: str) -> None:
        """Replace words in the shown file, as typing does."""
        text = self.editor.toPlainText()
        assert old in text
        self.editor.setPlainText(text.replace(old, new, 1))

    @property
    def texts(self) -> dict[str, str]:
        assert self.screen.workspace is not None
        return self.screen.workspace.texts

    def end(self) -> None:
        self.session.keeper.end()
        self.screen.close()
        self.connection.close()
        self.screen.deleteLater()


Sit = Callable[..., Seat]
