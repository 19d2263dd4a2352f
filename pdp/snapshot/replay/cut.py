"""Cuts a record into the pieces that a replay looks up, without making a message of it.

It goes through the fields as `recorder` writes them: what differs from record to record, what was kept of the request,
and the outcome, which many have in common and which therefore stays one piece. `replayer` takes whatever stands
otherwise apart by protobuf, so that nothing here needs to be complete. What no replay asks for is not looked into.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

Cut = tuple[bytes, int, bytes, bytes, bytes, bytes]
"""The policy hash, the time in nanoseconds since 1970, the facts, what was kept besides them of what, and the outcome.

Of what was kept, hashes are left out: where these bytes are equal, so are the buckets, the names of hashes, what was
withheld, and whether there is a resource key. The outcome is all fields from there to the latency, and then
those behind it, which are diagnostics.
"""

# Tags of snapshot_pb2; `test_replay_cut` compares them with the descriptors.
_RECORD_SNAPSHOT: Final = 0x0A
_DECISION_ID, _REQUEST_ID, _REVISION, _POLICY_HASH, _TIME, _CALLER = 0x0A, 0x12, 0x18, 0x22, 0x29, 0x32
_FACTS, _RESOURCE_KEY, _BUCKETS, _HASHES, _WITHHELD = 0x3A, 0x42, 0x52, 0x5A, 0x62
_WHOLE: Final = frozenset({_BUCKETS, _WITHHELD})
# Of an outcome: key id, verdicts, obligations, diagnostics; severity, source. Those of two bytes as they lie.
_TEXTS, _NUMBERS = frozenset({0x4A, 0x6A, 0x72, 0x0182}), frozenset({0x78, 0x0190})
_LATENCY: Final = b"\x9d\x01"
_LATENCY_BYTES: Final = 6
# Several bytes at once take little more time than one. The record's tag and its length in two bytes, the decision's id
# with tag and length, and those of the request's id; then the policy hash likewise, the time, and what is next.
_BEGIN: Final = struct.Struct("<BBBH32xBB")
_ID: Final = _DECISION_ID | 32 << 8
_SAID: Final = struct.Struct("<H64sBqBB")
_HASH_64: Final = _POLICY_HASH | 64 << 8
# An entry of `hashes`: its key, and a hash of 16 bytes, each with a tag and a length.
_AROUND_KEY: Final = 20
_KEY, _HASH = 0x0A, b"\x12\x10"
_KEYED: Final = bytes((_RESOURCE_KEY,))
_SHORT: Final = 0x7F
"""The longest that is as long as one byte says."""


def cut(body: bytes) -> Cut | None:
    """Return the pieces of a serialized Record; None where it is not as `recorder` writes the usual ones."""
    try:
        size = len(body)
        snapshot, low, high, decision_id, tag, length = _BEGIN.unpack_from(body)
        if snapshot != _RECORD_SNAPSHOT or low <= _SHORT or high > _SHORT or 3 + low + (high - 1 << 7) != size:
            return None
        if decision_id != _ID:
            return None
        at = _BEGIN.size - 2
        if tag == _REQUEST_ID:
            if length > _SHORT:
                return None
            at += 2 + length
            tag = body[at]
        if tag == _REVISION:
            at += 2
            while body[at - 1] > _SHORT:
                at += 1
        policy, policy_hash, timed, time, tag, length = _SAID.unpack_from(body, at)
        if policy != _HASH_64 or timed != _TIME:
            return None
        at += _SAID.size - 2
        if tag == _CALLER:
            if length > _SHORT:
                return None
            at += 2 + length
            tag, length = body[at], body[at + 1]
        facts = kept = b""
        while True:
            # The lengths are read right here: a call for each would take as long again as all else.
            if length > _SHORT:
                if body[at + 2] > _SHORT:
                    return None
                begin = at + 3
                end = begin + length + (body[at + 2] - 1 << 7)
            else:
                begin = at + 2
                end = begin + length
            if tag == _HASHES:
                named = body[at : begin + body[begin + 1] + 4]
                kept += named if _names_hash(named) else body[at:end]
            elif tag == _RESOURCE_KEY:
                kept += _KEYED
            elif tag == _FACTS:
                # The parts of a message, one after another, are the message.
                facts += body[begin:end]
            elif tag in _WHOLE:
                kept += body[at:end]
            else:
                break
            at = end
            tag, length = body[at], body[at + 1]
        last = size - _LATENCY_BYTES
        if at > last:
            return None
        if body[last:-4] != _LATENCY:
            # If that is no tag where it is found, what is before it is no outcome.
            last = body.find(_LATENCY, at, last)
            if last < 0:
                return None
        return policy_hash, time, facts, kept, body[at:last], body[last + _LATENCY_BYTES :]
    except (IndexError, struct.error):
        return None


@lru_cache(4_096)
def _names_hash(piece: bytes) -> bool:
    """Whether this is a whole entry of `hashes` up to the hash itself, whatever that is."""
    if len(piece) < 5 or piece[1] > _SHORT:
        return False
    return piece[1] - piece[3] == _AROUND_KEY and piece[2] == _KEY and piece[-2:] == _HASH


def is_outcome(data: bytes) -> bool:
    """Whether these bytes of a record are whole fields, and all of them are about the outcome."""
    at, size = 0, len(data)
    try:
        while at < size:
            tag = data[at]
            at += 1
            if tag > _SHORT:
                tag |= data[at] << 8
                at += 1
            number = shift = 0
            while data[at] > _SHORT:
                number |= (data[at] & _SHORT) << shift
                shift += 7
                at += 1
            number |= data[at] << shift
            at += 1
            if tag in _TEXTS:
                at += number
            elif tag not in _NUMBERS:
                return False
    except IndexError:
        return False
    return at == size
