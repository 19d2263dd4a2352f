"""Hypothesis strategies: random conditions, policy sets and requests of `tests.reference`, and malformed messages."""

from __future__ import annotations

import os
from random import Random
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pdp.v1 import decision_service_pb2, types_pb2

# Random policy sets are large inputs; failing ones are printed as a blob to be replayed with @reproduce_failure.
PROPERTY = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

# `make test-slow` makes many of the few that the default run has time for.
TIMES = int(os.environ.get("JINGXI_TIMES", "1"))


def examples(count: int) -> int:
    """Return how many examples a property is tried on that the default run tries on so many."""
    return count * TIMES


def sources() -> st.SearchStrategy[Random]:
    """Return a source of randomness that hypothesis records and shrinks; the makers of tests.reference draw from it."""
    return st.randoms(use_true_random=False)


def mutations(payload: bytes) -> st.SearchStrategy[bytes]:
    """Return a message with a few bytes changed, cut out, doubled or put in."""

    def mutate(random: Random) -> bytes:
        data = bytearray(payload)
        for _ in range(random.randint(1, 6)):
            at = random.randint(0, len(data))
            length = random.randint(0, 8)
            match random.randint(0, 4):
                case 0:
                    data[at : at + 1] = bytes([random.randint(0, 255)])
                case 1:
                    del data[at : at + length]
                case 2:
                    data[at:at] = data[at : at + length * 4]
                case 3:
                    data[at:at] = bytes(random.randint(0, 255) for _ in range(length))
                case _:
                    data += payload[at:]
        return bytes(data)

    return sources().map(mutate)


_INT64 = st.integers(-(2**63), 2**63 - 1)
_INT32 = st.integers(-(2**31), 2**31 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.sampled_from(
    ["level", "class", "flags", "projects", "at", "span", "menu", "id", "roles", "", "a.b", "𠮷", "__class__"]
)


def values() -> st.SearchStrategy[types_pb2.Value]:
    """Return Values of every kind, also such as no time or list can be."""
    members: dict[str, st.SearchStrategy[Any]] = {
        "string_value": _TEXT,
        "int_value": _INT64,
        "double_value": st.floats(),
        "bool_value": st.booleans(),
        "timestamp_value": st.builds(timestamp_pb2.Timestamp, seconds=_INT64, nanos=_INT32),
        "duration_value": st.builds(duration_pb2.Duration, seconds=_INT64, nanos=_INT32),
        "string_list": st.builds(types_pb2.StringList, values=st.lists(_TEXT, max_size=4)),
        "int_list": st.builds(types_pb2.IntList, values=st.lists(_INT64, max_size=4)),
        "double_list": st.builds(types_pb2.DoubleList, values=st.lists(st.floats(), max_size=4)),
        "string_map": st.builds(types_pb2.StringMap, entries=st.dictionaries(_TEXT, _TEXT, max_size=4)),
    }
    kinds = [st.builds(types_pb2.Value, **{name: member}) for name, member in members.items()]
    return st.one_of(st.just(types_pb2.Value()), *kinds)


def decide_requests(fields: list[str]) -> st.SearchStrategy[decision_service_pb2.DecideRequest]:
    """Return well-formed messages whose content is arbitrary."""
    attributes = st.dictionaries(NAMES | _TEXT, values(), max_size=5)
    return st.builds(
        decision_service_pb2.DecideRequest,
        request_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=140),
        subject=st.builds(
            types_pb2.Subject,
            id=st.sampled_from(["T1", "", "𠮷", "x" * 513]),
            roles=st.lists(_TEXT, max_size=3),
            attributes=attributes,
        ),
        action=st.builds(types_pb2.Action, name=_TEXT, attributes=attributes),
        resource=st.builds(types_pb2.Resource, type=_TEXT, id=_TEXT, attributes=attributes),
        context=attributes,
        fields=st.lists(st.sampled_from(fields) | _TEXT, max_size=6),
        message=st.none()
        | st.just(types_pb2.MessageRef(application="core", name="detail"))
        | st.builds(types_pb2.MessageRef, application=_TEXT),
        grant_ids=st.lists(_TEXT | st.just("g1"), max_size=9),
        min_revision=st.just(0) | st.just(0) | _INT64,
    )
