"""Sign-ins of one account, out of the record of operations: who answers for accounts need not read all records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pdp.control.accounts.names import check_name
from pdp.control.accounts.travel import PlaceTable
from pdp.server.staff.guard import address_of
from pdp.snapshot import query
from pdp.snapshot.query import Asking
from pdp.snapshot.store.base import Reader, StoredRecord
from pdp.v1 import account_service_pb2, snapshot_pb2, snapshot_service_pb2
from pdp.v1.account_service_pb2 import (
    SIGN_IN_OUTCOME_FAILED,
    SIGN_IN_OUTCOME_SESSION_REFUSED,
    SIGN_IN_OUTCOME_SIGNED_IN,
    SIGN_IN_OUTCOME_UNSPECIFIED,
)

_OUTCOMES: Final[Mapping[str, account_service_pb2.SignInOutcome]] = {
    "session.sign_in": SIGN_IN_OUTCOME_SIGNED_IN,
    "session.failed": SIGN_IN_OUTCOME_FAILED,
    "session.refused": SIGN_IN_OUTCOME_SESSION_REFUSED,
}
_KINDS: Final = ", ".join(f'"{kind}"' for kind in _OUTCOMES)


class SignInLog:
    """Reads the store of records; `places` tells where addresses are."""

    def __init__(self, reader: Reader, asking: Callable[[], Asking], places: PlaceTable | None) -> None:
        self.reader = reader
        self._asking, self._places = asking, places

    def page(self, account: str, size: int, token: str) -> account_service_pb2.ListSignInsResponse:
        """Return sign-ins from the newest on. Raises RequestError for what is no name, size or token; StoreError."""
        check_name(account, "account")
        asked = snapshot_service_pb2.ListSnapshotsRequest(
            filter=f'subject.id == "{account}" && kind in [{_KINDS}]', page_size=size, page_token=token
        )
        page = query.list_page(self.reader, self._asking(), asked)
        found = [self._told(record) for record in page.records]
        return account_service_pb2.ListSignInsResponse(sign_ins=found, next_page_token=page.next)

    def _told(self, record: StoredRecord) -> account_service_pb2.SignInRecord:
        done = snapshot_pb2.Record.FromString(record.body).operation
        details, address = done.details, address_of(done.address)
        place = self._places.find(address) if self._places is not None else None
        return account_service_pb2.SignInRecord(
            id=done.id, time_nanos=done.time_nanos,
            outcome=_OUTCOMES.get(done.kind, SIGN_IN_OUTCOME_UNSPECIFIED), address=address,
            city="" if place is None else place.city, device=details["device"],
            factors=_list(details["factors"]), reason=details["reason"], unusual=_list(details["unusual"]),
            session="" if done.kind == "session.failed" else details["session"], during=details["during"],
        )  # fmt: skip


def _list(text: str) -> list[str]:
    return [part for part in text.split(", ") if part]
