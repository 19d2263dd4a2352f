"""Proofs of single records: good with nothing but the public keys, and not one changed bit is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.errors import EvidenceError, SnapshotNotFoundError
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.evidence.proof import parse_proof, prove, verify_proof
from pdp.v1 import snapshot_pb2
from tests.unit.evidence import DAY, KEY, NOW, TRUSTED, Memory, Node, body, stream

ONE = stream()
PARTS = (1, 2, 5, 9)


def made(folder: Path, algorithm: str = "sha256") -> Memory:
    store = Memory()
    node = Node(store, folder, algorithm=algorithm)
    for part, size in enumerate(PARTS):
        node.write(ONE, [body(f"d{part}-{index}") for index in range(size)])
        node.tick()
    return store


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_every_record_is_proved_by_the_first_checkpoint_that_has_it(tmp_path: Path, algorithm: str) -> None:
    store = made(tmp_path, algorithm)
    for part, size in enumerate(PARTS):
        for index in range(size):
            proof = parse_proof(prove(store, f"d{part}-{index}").SerializeToString())
            told = verify_proof(proof, TRUSTED)
            assert told.is_good
            assert (told.record_id, told.checkpoint, told.stream) == (f"d{part}-{index}", part + 1, ONE)
            assert (told.sequence, told.key_id) == (sum(PARTS[:part]) + index, KEY.id)
            assert told.time_nanos > NOW


def test_a_record_of_a_clock_far_ahead_is_proved(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(stream(day=DAY + 1_000), [body("a")])
    node.tick()
    assert verify_proof(prove(store, "a"), TRUSTED).is_good


def test_what_is_not_there_or_not_signed_yet(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    with pytest.raises(SnapshotNotFoundError, match="no record has the id `b`"):
        prove(store, "b")
    with pytest.raises(EvidenceError, match="no checkpoint covers the record yet"):
        prove(store, "a")


def test_a_changed_store_proves_nothing(tmp_path: Path) -> None:
    store = made(tmp_path)
    rows = store.rows[ONE]
    rows[5] = rows[5]._replace(chain=bytes(32))
    with pytest.raises(EvidenceError, match="does not fit the checkpoint 3"):
        prove(store, "d2-0")
    del rows[7]
    with pytest.raises(EvidenceError, match="are missing"):
        prove(store, "d2-0")


def test_an_unknown_key(tmp_path: Path) -> None:
    proof = prove(made(tmp_path), "d2-1")
    told = verify_proof(proof, TrustedKeys.of(NodeKey.load_or_create(tmp_path / "other")))
    assert [problem.en for problem in told.problems] == [f"the key {KEY.id} is not trusted"]


def _other_stream(proof: snapshot_pb2.InclusionProof) -> None:
    proof.record.stream.retention = "long"


def _other_body(proof: snapshot_pb2.InclusionProof) -> None:
    proof.record.record = body("forged")


def _other_sequence(proof: snapshot_pb2.InclusionProof) -> None:
    proof.record.sequence = 7


def _negative_sequence(proof: snapshot_pb2.InclusionProof) -> None:
    proof.record.sequence = -1


def _other_path(proof: snapshot_pb2.InclusionProof) -> None:
    proof.path[0] = bytes(32)


def _other_signature(proof: snapshot_pb2.InclusionProof) -> None:
    proof.checkpoint.signature = bytes(64)


def _other_algorithm(proof: snapshot_pb2.InclusionProof) -> None:
    proof.checkpoint.checkpoint = snapshot_pb2.Checkpoint(algorithm="md5").SerializeToString()


@pytest.mark.parametrize(
    ("change", "words"),
    [(_other_stream, "does not speak of the record's chain"), (_other_body, "does not fit its chain value"),
     (_other_sequence, "does not fit its chain value"), (_negative_sequence, "number is not valid"),
     (_other_path, "does not lead to the signed root"), (_other_signature, "signature is wrong"),
     (_other_algorithm, "hash algorithm is not known")],
)  # fmt: skip
def test_what_is_wrong_is_told(
    tmp_path: Path, change: Callable[[snapshot_pb2.InclusionProof], None], words: str
) -> None:
    proof = prove(made(tmp_path), "d2-1")
    change(proof)
    told = verify_proof(proof, TRUSTED)
    assert not told.is_good
    assert any(words in problem.en for problem in told.problems)


def test_the_first_record_is_tied_to_its_stream(tmp_path: Path) -> None:
    proof = prove(made(tmp_path), "d0-0")
    proof.previous_chain = bytes(32)
    words = [problem.en for problem in verify_proof(proof, TRUSTED).problems]
    assert "the chain's first value does not fit its name" in words


@pytest.fixture(scope="module")
def proof_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return prove(made(tmp_path_factory.mktemp("keys")), "d2-1").SerializeToString(deterministic=True)


@given(data=st.data())
def test_a_flipped_bit_is_never_good(proof_bytes: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, len(proof_bytes) * 8 - 1))
    changed = bytearray(proof_bytes)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        proof = parse_proof(bytes(changed))
        told = verify_proof(proof, TRUSTED)
    except EvidenceError:
        return
    assert not told.is_good


@pytest.mark.parametrize("data", [b"", b"\xff", b"text"])
def test_other_bytes_are_no_proof(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="make one with `pdp snapshot prove`"):
        parse_proof(data)
