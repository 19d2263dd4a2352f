"""What the decision service does, from request bytes to reply bytes, whatever carries them.

Every transport calls `DecisionCore.methods`; every failure leaves as an exception that `status` turns into a
status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pdp.server.clock import Clock, machine_clock
from pdp.server.holder import Holder
from pdp.v1 import decision_service_pb2

Method = Callable[[bytes], bytes]

SERVICE: str = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"].full_name

# Some dozens of items: a few milliseconds.
_SHORT_BATCH = 2_048


class DecisionCore:
    """The methods of `pdp.v1.DecisionService`. `clock` tells the time that they decide by."""

    def __init__(self, holder: Holder, clock: Clock = machine_clock) -> None:
        self._holder = holder
        self._clock = clock
        self.methods: Mapping[str, Method] = MappingProxyType(
            {
                "Decide": self.decide,
                "DecideBatch": self.decide_batch,
                "Explain": self.explain,
                "GetMessageMap": self.get_message_map,
            }
        )

    @staticmethod
    def is_long(name: str, payload: bytes) -> bool:
        """Whether a call may take so long that others should not wait for it: a trace, or a batch of some size."""
        return name == "Explain" or (name == "DecideBatch" and len(payload) > _SHORT_BATCH)

    def decide(self, payload: bytes) -> bytes:
        """Decide one resource: DecideRequest to DecideResponse."""
        return self._holder.require().program.decide(payload, self._clock())

    def decide_batch(self, payload: bytes) -> bytes:
        """Decide many resources: DecideBatchRequest to DecideBatchResponse."""
        return self._holder.require().program.decide_batch(payload, self._clock())

    def explain(self, payload: bytes) -> bytes:
        """Decide and tell why: ExplainRequest to ExplainResponse."""
        return self._holder.require().program.explain(payload, self._clock())

    def get_message_map(self, payload: bytes) -> bytes:
        """Tell where fields and attributes sit in a message: GetMessageMapRequest to GetMessageMapResponse."""
        return self._holder.require().messages.get(payload)
