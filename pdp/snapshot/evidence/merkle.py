"""Merkle trees as Certificate Transparency has them (RFC 6962, section 2.1), with a stream's own hash.

A leaf is H(0x00 || value), an inner node H(0x01 || left || right); the left part of a tree of n leaves is the largest
complete one that is smaller than n. The values are the chain values of a stream's records. A tree grows by its peaks
alone: the roots of the complete trees that its size is the sum of, as the ones in the binary number are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pdp.snapshot.store.base import TreeState

Hash = Callable[[bytes], Any]

EMPTY: Final = TreeState(0, ())
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(value: bytes, new: Hash = hashlib.sha256) -> bytes:
    """Return the hash of a leaf; `new` is what `chain.hasher` gave."""
    digest: bytes = new(_LEAF + value).digest()
    return digest


def node_hash(left: bytes, right: bytes, new: Hash = hashlib.sha256) -> bytes:
    """Return the hash of an inner node."""
    digest: bytes = new(_NODE + left + right).digest()
    return digest


def append(state: TreeState, leaf_value: bytes, new: Hash = hashlib.sha256) -> TreeState:
    """Return the tree with one more leaf."""
    size, peaks = state
    peak: bytes = new(_LEAF + leaf_value).digest()
    held = list(peaks)
    while size & 1:
        peak = new(_NODE + held.pop() + peak).digest()
        size >>= 1
    held.append(peak)
    return TreeState(state.size + 1, tuple(held))


def extend(state: TreeState, values: Sequence[bytes], new: Hash = hashlib.sha256) -> TreeState:
    """Return the tree with more leaves: as `append` one by one, but level by level and so faster."""
    level = [new(_LEAF + value).digest() for value in values]
    size, held = state.size, list(state.peaks)
    added: list[bytes] = []  # the new peaks, lowest first
    while level:
        if size & 1:
            level.insert(0, held.pop())
        if len(level) & 1:
            added.append(level.pop())
        pairs = iter(level)
        level = [new(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        size >>= 1
    return TreeState(state.size + len(values), (*held, *reversed(added)))


def root(state: TreeState, new: Hash = hashlib.sha256) -> bytes:
    """Return the root of a tree; that of an empty one is the hash of nothing."""
    if not state.peaks:
        empty: bytes = new(b"").digest()
        return empty
    top = state.peaks[-1]
    for peak in reversed(state.peaks[:-1]):
        top = new(_NODE + peak + top).digest()
    return top


def audit_path(values: Iterable[bytes], index: int, size: int, new: Hash = hashlib.sha256) -> list[bytes]:
    """Return the audit path of a leaf in the tree over the first `size` values, leaf to root (RFC 6962, 2.1.1).

    One pass with the memory of a few hashes. Raises ValueError for an index outside and for too few values.
    """
    siblings = _siblings(index, size)
    in_order = sorted(siblings)
    roots: dict[tuple[int, int], bytes] = {}
    source = iter(values)
    at = 0
    for begin, end in in_order:
        for _ in range(begin - at):  # the leaf itself, which is no part of its path
            next(source, None)
        state = EMPTY
        for first in range(begin, end, _BATCH):
            wanted = min(_BATCH, end - first)
            batch = [value for _, value in zip(range(wanted), source, strict=False)]
            if len(batch) != wanted:
                raise ValueError(f"{first + len(batch)} values for a tree of {size}")
            state = extend(state, batch, new)
        roots[begin, end] = root(state, new)
        at = end
    return [roots[span] for span in siblings]


def verify_path(
    value: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes, new: Hash = hashlib.sha256
) -> bool:
    """Return whether a value is the leaf at `index` of the tree of `size` leaves with the root `expected`.

    By RFC 9162, section 2.1.3.2, which is that of RFC 6962's trees written out.
    """
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    found: bytes = new(_LEAF + value).digest()
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = new(_NODE + sibling + found).digest()
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = new(_NODE + found + sibling).digest()
        place >>= 1
        last >>= 1
    return last == 0 and found == expected


class Tree:
    """All complete parts of a tree in memory, for many audit paths: 64 bytes a leaf."""

    def __init__(self, values: Iterable[bytes], new: Hash = hashlib.sha256) -> None:
        self._new = new
        level = [new(_LEAF + value).digest() for value in values]
        self._levels = [b"".join(level)]
        self.size = len(level)
        while len(level) > 1:
            level = [new(_NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
            self._levels.append(b"".join(level))
        self._bytes = new(b"").digest_size

    def root(self, size: int) -> bytes:
        """Return the root of the tree over the first `size` leaves."""
        return self._part(0, size)

    def path(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of a leaf in the tree over the first `size`, leaf to root. Raises ValueError."""
        if size > self.size:
            raise ValueError(f"{self.size} values for a tree of {size}")
        return [self._part(begin, end) for begin, end in _siblings(index, size)]

    def _part(self, begin: int, end: int) -> bytes:
        count = end - begin
        if count == 0:
            empty: bytes = self._new(b"").digest()
            return empty
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            first = (begin >> height) * self._bytes
            return self._levels[height][first : first + self._bytes]
        middle = begin + _largest_left(count)
        both = self._part(begin, middle) + self._part(middle, end)
        digest: bytes = self._new(_NODE + both).digest()
        return digest


_BATCH = 4096


def _largest_left(count: int) -> int:
    """Return the largest power of two below `count`, at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _siblings(index: int, size: int) -> list[tuple[int, int]]:
    """Return the spans of leaves whose roots are the audit path, leaf to root."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    spans: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _largest_left(end - begin)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((begin, middle))
            begin = middle
    spans.reverse()
    return spans
