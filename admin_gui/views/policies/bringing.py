"""Brings a draft up to the revision in force: three texts are read, put together file by file, and saved."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from admin_gui.domain import drafts
from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call
from admin_gui.services.policies import Policies
from admin_gui.views.policies.latest import Latest
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2


class Bringing(QObject):
    """One draft at a time."""

    done = Signal(object, object)
    """The `Draft` as it was saved, and the paths of files that both sides had changed."""
    failed = Signal(object)
    """A `Failure`; nothing was saved."""

    def __init__(self, policies: Policies, parent: QObject) -> None:
        super().__init__(parent)
        self._policies = policies
        self._asked: dict[str, Latest] = {}
        self._texts: dict[str, dict[str, str]] = {}

    def begin(self, draft: control_pb2.Draft, head: int) -> None:
        """Bring this version of a draft up to a revision."""
        self._texts = {} if draft.base else {"base": {}}
        self._ask("mine", self._policies.draft(draft.name), draft, head)
        self._ask("theirs", self._policies.revision(head, with_sources=True), draft, head)
        if draft.base:
            self._ask("base", self._policies.revision(draft.base, with_sources=True), draft, head)

    def _ask(self, side: str, call: Call, draft: control_pb2.Draft, head: int) -> None:
        def came(answer: policy_service_pb2.GetDraftResponse | policy_service_pb2.GetRevisionResponse) -> None:
            self._texts[side] = {file.path: file.text for file in answer.sources.files}
            if len(self._texts) == 3:
                self._save(draft, head)

        self._asked.setdefault(side, Latest()).follow(call, came, self._refused)

    def _save(self, draft: control_pb2.Draft, head: int) -> None:
        brought = drafts.bring_up(self._texts["base"], self._texts["mine"], self._texts["theirs"])
        # The version is the one that was looked at: whoever wrote meanwhile is not overwritten.
        call = self._policies.save_draft(draft.name, draft.version, brought.texts, base=head)
        self._asked.setdefault("save", Latest()).follow(
            call, lambda answer: self.done.emit(answer.draft, brought.open), self._refused
        )

    def _refused(self, failure: Failure) -> None:
        for latest in self._asked.values():
            latest.drop()
        self.failed.emit(failure)
