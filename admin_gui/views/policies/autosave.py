"""Keeps a draft at the service as it is written, and never over what somebody else has written."""

from __future__ import annotations

from typing import Final, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from admin_gui.domain.failure import Failure
from admin_gui.domain.workspace import Workspace
from admin_gui.services.calls import Call
from admin_gui.services.policies import Policies
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

State = Literal["saved", "changed", "saving", "away", "failed", "conflict"]
_PAUSE_MILLISECONDS: Final = 2_000
_AGAIN_MILLISECONDS: Final = 5_000


class Autosave(QObject):
    """Saves a draft's workspace a moment after the last change. While there is a conflict it saves nothing."""

    changed = Signal()
    """`state` is another one."""
    saved = Signal(object)
    """The `Draft` as it is kept now."""
    failed = Signal(object)
    """A `Failure` that is no conflict; it is tried again with the next change."""
    conflicted = Signal(object, object)
    """A `Failure`, and the GetDraftResponse of what is there now; None when the draft is gone."""

    def __init__(self, policies: Policies, parent: QObject) -> None:
        super().__init__(parent)
        self._policies = policies
        self._call: Call | None = None
        self._sent: dict[str, str] = {}
        self.draft: control_pb2.Draft | None = None
        self.workspace: Workspace | None = None
        self.state: State = "saved"
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.save)

    def open(self, draft: control_pb2.Draft, workspace: Workspace) -> None:
        """Keep this draft from now on."""
        self.close()
        self.draft, self.workspace = draft, workspace
        self._become("changed" if workspace.changed else "saved")
        if workspace.changed:
            self.save()

    def close(self) -> None:
        """Keep nothing any more. What is under way goes on, and is not told."""
        self._timer.stop()
        self._call = None
        self.draft = self.workspace = None
        self._become("saved")

    def touch(self) -> None:
        """Something was changed, or only shown."""
        if self.workspace is not None and self.workspace.changed and self.state not in ("conflict", "saving"):
            self._become("changed")
            self._timer.start(_PAUSE_MILLISECONDS)

    def save(self) -> None:
        """Save now, unless that is under way, nothing changed, or there is a conflict."""
        self._timer.stop()
        draft, workspace = self.draft, self.workspace
        if draft is None or workspace is None or self.state in ("saving", "conflict"):
            return
        if not workspace.changed:
            self._become("saved")
            self.saved.emit(draft)
            return
        self._become("saving")
        self._sent = dict(workspace.texts)
        call = self._policies.save_draft(draft.name, draft.version, self._sent, base=draft.base)
        self._follow(call)
        call.answered.connect(self._kept)
        call.failed.connect(self._refused)

    def adopt(self, draft: control_pb2.Draft) -> None:
        """Go on from another version of the draft: it was handed in, handed back, or what was written is its text."""
        if self.draft is not None and draft.name == self.draft.name:
            self.draft = draft

    def _follow(self, call: Call) -> None:
        self._call = call

    def _is_mine(self, call: QObject | None) -> bool:
        return call is self._call and self.draft is not None

    def _kept(self, answer: policy_service_pb2.SaveDraftResponse) -> None:
        if self._is_mine(self.sender()):
            self._take(answer.draft)

    def _take(self, draft: control_pb2.Draft) -> None:
        workspace = self.workspace
        if workspace is None:
            return
        self.draft = draft
        workspace.kept = dict(self._sent)
        self._become("changed" if workspace.changed else "saved")
        self.saved.emit(draft)
        if workspace.changed:
            self._timer.start(_PAUSE_MILLISECONDS)

    def _refused(self, failure: Failure) -> None:
        draft = self.draft
        if not self._is_mine(self.sender()) or draft is None:
            return
        if failure.is_away or failure.code in ("DEADLINE_EXCEEDED", "CANCELLED"):
            self._become("away")
            self._timer.start(_AGAIN_MILLISECONDS)
        elif failure.reason in ("CONFLICT", "WRONG_STATE", "NOT_FOUND"):
            call = self._policies.draft(draft.name)
            self._follow(call)
            call.answered.connect(lambda answer: self._look(call, failure, answer))
            call.failed.connect(lambda other: self._missing(call, failure, other))
        else:
            self._become("failed")
            self.failed.emit(failure)

    def _look(self, call: Call, failure: Failure, answer: policy_service_pb2.GetDraftResponse) -> None:
        if not self._is_mine(call):
            return
        theirs = {file.path: file.text for file in answer.sources.files}
        if theirs == self._sent and answer.draft.state == control_pb2.DRAFT_STATE_OPEN:
            # An answer that was lost on its way: what is there is what was written here.
            self._take(answer.draft)
            return
        self._become("conflict")
        self.conflicted.emit(failure, answer)

    def _missing(self, call: Call, failure: Failure, other: Failure) -> None:
        if not self._is_mine(call):
            return
        if other.is_away:
            self._become("away")
            self._timer.start(_AGAIN_MILLISECONDS)
            return
        self._become("conflict")
        self.conflicted.emit(failure, None)

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()
