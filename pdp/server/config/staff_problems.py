"""What does not go together in the settings of the staff port."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.server.address import Address
from pdp.server.config.control_problems import is_etcd
from pdp.server.config.sections import Control
from pdp.server.config.staff_sections import Staff


def staff_problems(
    staff: Staff, address: Address | None, control: Control, *, signs_in: bool
) -> Iterator[tuple[str, str]]:
    """Yield the settings that do not go with others, each with what to do; `signs_in` when people have accounts."""
    if (staff.certificate is None) != (staff.key is None):
        yield "staff.certificate", "`staff.certificate` and `staff.key` go together; set both, or leave out both"
    if staff.client_ca is not None and staff.certificate is None:
        yield "staff.client_ca", "`staff.client_ca` needs `staff.certificate` and `staff.key` too"
    if address is None:
        return
    if not address.is_local and staff.certificate is None:
        yield (
            "staff.listen",
            (
                f"the staff address `{address}` can be reached from other machines and there is no TLS; set "
                "`staff.certificate` and `staff.key`, or listen on a loopback address or a socket file"
            ),
        )
    if signs_in and is_etcd(control) and control.secret_key is None:
        yield (
            "control.secret_key",
            (
                "people sign in at the staff port, and the nodes of a cluster need the same key for that; make one "
                "with `openssl rand -hex 32`, and set `control.secret_key` on every node"
            ),
        )
