"""Merkle trees against RFC 6962's definition, written down as it stands there, and against known answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.snapshot import chain
from pdp.snapshot.evidence import merkle
from pdp.snapshot.store.base import TreeState

ALGORITHMS = st.sampled_from(chain.ALGORITHMS)

# The inputs of Certificate Transparency's own tests, and the roots of their first 0 to 8.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def slow_root(values: list[bytes], new: Callable[[bytes], Any]) -> bytes:
    """MTH of section 2.1."""
    if not values:
        return bytes(new(b"").digest())
    if len(values) == 1:
        return bytes(new(b"\x00" + values[0]).digest())
    k = 1
    while k * 2 < len(values):
        k *= 2
    return bytes(new(b"\x01" + slow_root(values[:k], new) + slow_root(values[k:], new)).digest())


def slow_path(index: int, values: list[bytes], new: Callable[[bytes], Any]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(values) == 1:
        return []
    k = 1
    while k * 2 < len(values):
        k *= 2
    if index < k:
        return [*slow_path(index, values[:k], new), slow_root(values[k:], new)]
    return [*slow_path(index - k, values[k:], new), slow_root(values[:k], new)]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    state = merkle.extend(merkle.EMPTY, LEAVES[:size])
    assert merkle.root(state).hex() == ROOTS[size]
    assert slow_root(LEAVES[:size], hashlib.sha256).hex() == ROOTS[size]


def test_a_known_path() -> None:
    # The audit path of the first leaf of eight, from the same tests.
    assert [part.hex() for part in merkle.audit_path(LEAVES, 0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70), ALGORITHMS)
def test_growing_is_the_same_in_any_steps(values: list[bytes], cut: int, algorithm: str) -> None:
    new = chain.hasher(algorithm)
    one = merkle.EMPTY
    for value in values:
        one = merkle.append(one, value, new)
    two = merkle.extend(merkle.extend(merkle.EMPTY, values[:cut], new), values[cut:], new)
    assert one == two
    assert one.size == len(values)
    assert len(one.peaks) == len(values).bit_count()
    assert merkle.root(one, new) == slow_root(values, new)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data(), ALGORITHMS)
def test_paths(values: list[bytes], data: st.DataObject, algorithm: str) -> None:
    new = chain.hasher(algorithm)
    size = data.draw(st.integers(1, len(values)))
    index = data.draw(st.integers(0, size - 1))
    path = merkle.audit_path(iter(values), index, size, new)
    tree = merkle.Tree(values, new)
    top = slow_root(values[:size], new)
    assert path == slow_path(index, values[:size], new) == tree.path(index, size)
    assert tree.root(size) == top
    assert merkle.verify_path(values[index], index, size, path, top, new)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=40, unique=True), st.data())
def test_a_path_proves_nothing_else(values: list[bytes], data: st.DataObject) -> None:
    size = len(values)
    index = data.draw(st.integers(0, size - 1))
    path, top = merkle.audit_path(values, index, size), merkle.root(merkle.extend(merkle.EMPTY, values))
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index) if size > 1 else st.just(size))
    assert not merkle.verify_path(values[index], other, size, path, top)
    assert not merkle.verify_path(values[index] + b"x", index, size, path, top)
    assert not merkle.verify_path(values[index], index, size, path, bytes(32))
    assert not merkle.verify_path(values[index], index, size, [*path, bytes(32)], top)
    assert not merkle.verify_path(values[index], index + size, size, path, top)
    assert not merkle.verify_path(values[index], -1, size, path, top)
    if path:
        assert not merkle.verify_path(values[index], index, size, path[:-1], top)
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [bytes(32) if at == place else part for at, part in enumerate(path)]
        assert not merkle.verify_path(values[index], index, size, changed, top)


def test_a_leaf_is_no_node() -> None:
    left, right = (merkle.leaf_hash(value) for value in (b"a", b"b"))
    top = merkle.root(merkle.extend(merkle.EMPTY, [b"a", b"b"]))
    assert top == merkle.node_hash(left, right)
    # Were they hashed alike, the two leaves together would pass for one.
    assert merkle.leaf_hash(left + right) != top


def test_long_trees() -> None:
    values = [index.to_bytes(4, "big") for index in range(20_000)]
    state = TreeState(0, ())
    for at in range(0, 20_000, 777):
        state = merkle.extend(state, values[at : at + 777])
    top = slow_root(values, hashlib.sha256)
    assert merkle.root(state) == top
    assert merkle.verify_path(values[12_345], 12_345, 20_000, merkle.audit_path(iter(values), 12_345, 20_000), top)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_there_is_no_path_outside(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"no leaf {index} in a tree of {size}"):
        merkle.audit_path(LEAVES, index, size)


def test_too_few_values() -> None:
    with pytest.raises(ValueError, match="8 values for a tree of 9"):
        merkle.audit_path(LEAVES, 2, 9)
    with pytest.raises(ValueError, match="8 values for a tree of 9"):
        merkle.Tree(LEAVES).path(2, 9)
