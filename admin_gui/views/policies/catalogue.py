"""What the service has: drafts, revisions, and which one is in force. The policies' pages share it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from admin_gui.domain.failure import Failure
from admin_gui.services.policies import Policies
from admin_gui.views.policies.latest import Latest
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2


class Catalogue(QObject):
    """Reads lists whole, page by page; revisions a page at a time."""

    drafts_changed = Signal()
    revisions_changed = Signal()
    failed = Signal(object)
    """A `Failure`."""

    def __init__(self, policies: Policies, parent: QObject) -> None:
        super().__init__(parent)
        self._policies = policies
        self._drafts, self._revisions, self._rollout = Latest(), Latest(), Latest()
        self._pages: list[control_pb2.Draft] = []
        self._next = ""
        self.drafts: list[control_pb2.Draft] = []
        self.revisions: list[control_pb2.Revision] = []
        self.head = 0
        """The revision in force, 0 for none."""
        self.rollout: policy_service_pb2.GetRolloutResponse | None = None
        """The rollout that is running, or the last one."""

    @property
    def has_more(self) -> bool:
        """Whether there are earlier revisions than those here."""
        return bool(self._next)

    def refresh(self) -> None:
        """Read everything again."""
        self._pages = []
        self._ask_drafts("")
        self._revisions.follow(self._policies.revisions(), self._listed, self.failed.emit)
        self._rollout.follow(self._policies.rollout(), self._rolled, self._no_rollout)

    def more(self) -> None:
        """Read earlier revisions."""
        if self._next:
            self._revisions.follow(self._policies.revisions(self._next), self._continued, self.failed.emit)

    def _ask_drafts(self, page: str) -> None:
        self._drafts.follow(self._policies.drafts(page), self._drafted, self.failed.emit)

    def _drafted(self, answer: policy_service_pb2.ListDraftsResponse) -> None:
        self._pages += answer.drafts
        if answer.next_page_token:
            self._ask_drafts(answer.next_page_token)
            return
        self.drafts = self._pages
        self.drafts_changed.emit()

    def _listed(self, answer: policy_service_pb2.ListRevisionsResponse) -> None:
        self.revisions, self._next = list(answer.revisions), answer.next_page_token
        self.head = answer.head.revision
        self.revisions_changed.emit()

    def _continued(self, answer: policy_service_pb2.ListRevisionsResponse) -> None:
        self.revisions, self._next = [*self.revisions, *answer.revisions], answer.next_page_token
        self.revisions_changed.emit()

    def _rolled(self, answer: policy_service_pb2.GetRolloutResponse) -> None:
        self.rollout = answer
        self.revisions_changed.emit()

    def _no_rollout(self, failure: Failure) -> None:
        if failure.code != "NOT_FOUND":
            self.failed.emit(failure)
