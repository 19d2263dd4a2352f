"""The staff port as the supervisor runs it: over the store, with the names of the policy set in force."""

from __future__ import annotations

import asyncio
import hmac
import time

from pdp.engine import bundle
from pdp.engine.request import TYPES
from pdp.server import clock
from pdp.server.address import Address
from pdp.server.data_folder import resource_keys
from pdp.server.settings import Settings, Staff
from pdp.server.staff import AccountHost, SnapshotHost, make_staff_server
from pdp.server.staff.control_host import ControlHost
from pdp.server.tls import TlsFiles
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import open_reader
from pdp.v1 import bundle_pb2

# What page tokens are signed by is made of the resource key, which all nodes have in common.
_TOKENS = b"page tokens 1"
_RESOURCE_TYPE = "resource.type"


class StaffPort:
    """Listens from `start` to `stop`. Raises ConfigError for a store or keys that there are none of."""

    def __init__(
        self, settings: Settings, address: Address, control: ControlHost, people: AccountHost | None = None
    ) -> None:
        self._keys = ResourceKeys.read(resource_keys(settings))
        self._tokens = Tokens(hmac.digest(self._keys.current[1], _TOKENS, "sha256"))
        self._clock = clock.machine_clock if settings.clock is None else clock.starting_at(settings.clock)
        self._schema = Schema(key_of=self._keys.of_resource)
        self._reader = open_reader(settings.store_url)
        snapshots = SnapshotHost(self._reader, self._asking, control.record)
        self._server = make_staff_server(
            address, snapshots, control=control, people=people, tokens=self._tokens, tls=_tls(settings.staff, address),
            reflection=settings.reflection,
        )  # fmt: skip

    async def start(self) -> Address:
        """Listen and return the address with its real port. Raises ConfigError."""
        return await asyncio.to_thread(self._server.start)

    def follow(self, signed: bundle_pb2.SignedBundle) -> None:
        """Know the names of this policy set from now on."""
        self._schema = schema_of(bundle.parse(signed), self._keys)

    def drain(self) -> None:
        """Say NOT_SERVING from now on."""
        self._server.drain()

    async def stop(self, grace: float) -> None:
        """Let calls take `grace` seconds, and end them."""
        await self._server.astop(grace)
        self._reader.close()

    def _asking(self) -> Asking:
        return Asking(self._schema, self._tokens, self._clock, time.localtime().tm_gmtoff)


def schema_of(policies: bundle_pb2.Bundle, keys: ResourceKeys) -> Schema:
    """Return the names that filters may use."""
    attributes = {item.name: TYPES[item.type] for item in policies.attributes}
    types = {part.resource_type for message in policies.message_maps for part in message.parts if part.resource_type}
    for policy in policies.policies:
        for clause in policy.scope:
            if clause.attribute == _RESOURCE_TYPE:
                types |= {value.string_value for value in clause.values}
    return Schema(attributes, keys.of_resource, tuple(sorted(types)))


def _tls(staff: Staff, address: Address) -> TlsFiles | None:
    # A socket file is guarded by its rights.
    if address.path or staff.certificate is None or staff.key is None:
        return None
    return TlsFiles(
        staff.certificate, staff.key, staff.client_ca, require_client_certificate=staff.client_ca is not None
    )
