"""Keys, checkpoints and their copies: never two checkpoints with one number, whatever fails in between."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from pdp.errors import EvidenceError, StoreError
from pdp.signing import NodeKey, TrustedKeys, Verdict, key_id
from pdp.snapshot.evidence.checkpoint import (
    STATE_NAME,
    Checkpointer,
    CommandCopy,
    Copy,
    DirectoryCopy,
    parse_checkpoint,
)
from pdp.snapshot.evidence.copies import read_copy
from pdp.snapshot.evidence.verify import verify
from pdp.values import NANOS
from tests.unit.evidence import KEY, NOW, TRUSTED, Memory, Node, body, stream

ONE, TWO = stream(), stream(retention="long")


# --- keys --------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    key = NodeKey.load_or_create(folder)
    assert NodeKey.load_or_create(folder).id == key.id
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted((path.name, path.stat().st_mode & 0o777) for path in folder.iterdir()) == [
        ("node.key", 0o600), ("node.pub", 0o600),
    ]  # fmt: skip
    trusted = TrustedKeys.load(folder / "node.pub")
    assert trusted.verify(key.id, key.sign(b"x"), b"x") is Verdict.GOOD
    assert trusted.verify(key.id, key.sign(b"x"), b"y") is Verdict.BAD
    assert TRUSTED.verify(key.id, key.sign(b"x"), b"x") is Verdict.UNKNOWN_KEY
    assert "private" not in repr(key)


def test_a_lost_public_key_is_written_again(tmp_path: Path) -> None:
    NodeKey.load_or_create(tmp_path)
    (tmp_path / "node.pub").unlink()
    key = NodeKey.load_or_create(tmp_path)
    assert list(TrustedKeys.load(tmp_path).keys) == [key.id]


def test_a_replaced_key_leaves_its_public_half(tmp_path: Path) -> None:
    first = NodeKey.load_or_create(tmp_path)
    (tmp_path / "node.key").unlink()
    second = NodeKey.load_or_create(tmp_path)
    assert second.id != first.id
    assert set(TrustedKeys.load(tmp_path).keys) == {first.id, second.id}
    assert list(TrustedKeys.load(tmp_path / "node.pub").keys) == [second.id]
    (tmp_path / "node.pub").write_text("nothing")
    NodeKey.load_or_create(tmp_path)
    assert set(TrustedKeys.load(tmp_path).keys) == {first.id, second.id}
    assert (tmp_path / "node-damaged").read_text() == "nothing"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    NodeKey.load_or_create(tmp_path)
    (tmp_path / "node.key").chmod(mode)
    with pytest.raises(EvidenceError, match=r"others can read the signing key .* run `chmod 600`"):
        NodeKey.load_or_create(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_a_key_of_root_that_our_group_may_read_is_ours() -> None:
    """So systemd's LoadCredential and a Kubernetes volume with fsGroup hand a secret over."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = NodeKey.load_or_create(folder)
        key = folder / "node.key"
        os.chown(key, 0, 65534)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            for mode in (0o440, 0o640):
                _as_root(key.chmod, mode)
                assert NodeKey.load(key).id == made.id
            for mode in (0o460, 0o444, 0o644):
                _as_root(key.chmod, mode)
                with pytest.raises(EvidenceError, match="others can read the signing key"):
                    NodeKey.load(key)
        finally:
            os.seteuid(0)
            os.setegid(0)


def _as_root(change: Callable[[int], None], mode: int) -> None:
    os.seteuid(0)
    try:
        change(mode)
    finally:
        os.seteuid(65534)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_not_replaced(tmp_path: Path, pem: bytes) -> None:
    path = tmp_path / "node.key"
    path.write_bytes(pem)
    path.chmod(0o600)
    with pytest.raises(EvidenceError, match="is no private key in PEM"):
        NodeKey.load_or_create(tmp_path)
    assert path.read_bytes() == pem


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "node.key").write_bytes(other.private_bytes(serialization.Encoding.PEM, *form))
    (tmp_path / "node.key").chmod(0o600)
    with pytest.raises(EvidenceError, match="no Ed25519 key"):
        NodeKey.load(tmp_path / "node.key")
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "x.pem").write_bytes(public)
    with pytest.raises(EvidenceError, match="not Ed25519"):
        TrustedKeys.load(tmp_path / "x.pem")


def test_several_keys_in_a_folder_or_a_file(tmp_path: Path) -> None:
    keys = [NodeKey.load_or_create(tmp_path / name) for name in ("a", "b")]
    both = b"".join(key.public_pem() for key in keys)
    (tmp_path / "all.pem").write_bytes(b"# two keys\n" + both)
    (tmp_path / "readme.txt").write_text("not a key")
    assert set(TrustedKeys.load(tmp_path / "all.pem").keys) == {key.id for key in keys}
    assert set(TrustedKeys.load(tmp_path).keys) == {key.id for key in keys}
    assert keys[0].id == key_id(keys[0].private.public_key())


@pytest.mark.parametrize(
    ("text", "words"),
    [("nothing", "is no PEM file"), ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged"),
     ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no public key")],
)  # fmt: skip
def test_files_without_a_public_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.pem").write_text(text)
    with pytest.raises(EvidenceError, match=words):
        TrustedKeys.load(tmp_path / "x.pem")
    with pytest.raises(EvidenceError, match="no such file"):
        TrustedKeys.load(tmp_path / "away.pem")


# --- checkpoints -------------------------------------------------------------------------------------------------


def test_a_checkpoint_speaks_of_what_grew_or_ended(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    assert node.tick() is None
    node.write(TWO, [body("a")])
    node.write(ONE, [body("b"), body("c")])
    first = node.tick()
    assert first is not None
    message = parse_checkpoint(first.SerializeToString())[1]
    assert [(head.stream.retention, head.count, head.closed) for head in message.heads] == [
        ("long", 1, False), ("short", 2, False),
    ]  # fmt: skip
    assert (message.number, message.previous, message.time_nanos, message.algorithm) == (
        1, b"", NOW + 2 * NANOS, "sha256",
    )  # fmt: skip
    assert node.tick() is None
    node.close(TWO)
    second = parse_checkpoint(node.tick().SerializeToString())[1]  # type: ignore[union-attr]
    assert [(head.count, head.closed) for head in second.heads] == [(1, True)]
    assert node.tick() is None
    assert list(store.signed) == [("n1", 1), ("n1", 2)]
    assert second.previous == node.new(store.signed["n1", 1]).digest()


def test_a_restart_goes_on(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    node.tick()
    node = Node(store, tmp_path)
    assert node.tick() is None
    node.write(ONE, [body("b")])
    node.tick()
    assert verify(store, TRUSTED).is_complete
    assert list(store.signed) == [("n1", 1), ("n1", 2)]
    assert node.alarms == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_store_that_was_away_gets_the_same_checkpoint(tmp_path: Path, restarted: bool) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    store.away = True
    with pytest.raises(StoreError):
        node.tick()
    kept = (tmp_path / STATE_NAME).read_bytes()
    with pytest.raises(StoreError):
        node.tick()
    store.away = False
    if restarted:
        node = Node(store, tmp_path)
    node.write(ONE, [body("b")])
    node.tick()
    assert store.signed["n1", 1] == kept
    assert verify(store, TRUSTED).is_complete
    assert list(store.signed) == [("n1", 1), ("n1", 2)]


def test_a_store_whose_answer_was_lost_is_not_asked_twice(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    add = store.add_checkpoint

    def lost(name: str, number: int, signed: bytes) -> None:
        add(name, number, signed)
        raise StoreError("the connection broke")

    store.add_checkpoint = lost  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        node.tick()
    store.add_checkpoint = add  # type: ignore[method-assign]
    assert node.tick() is None
    assert list(store.signed) == [("n1", 1)]


def test_a_store_that_was_rolled_back_is_refused(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    for name in "abc":
        node.write(ONE, [body(name)])
        node.tick()
    del store.signed["n1", 3], store.signed["n1", 2]
    with pytest.raises(EvidenceError, match=r"last checkpoint of node `n1` is 1, but .* has number 3.* rolled back"):
        Node(store, tmp_path)


def test_the_last_checkpoint_alone_is_put_back(tmp_path: Path) -> None:
    # As after a crash between the node's file and the store.
    store = Memory()
    node = Node(store, tmp_path)
    for name in "ab":
        node.write(ONE, [body(name)])
        node.tick()
    signed = store.signed.pop(("n1", 2))
    Node(store, tmp_path)
    assert store.signed["n1", 2] == signed


def test_a_copy_shows_a_rolled_back_store_when_the_nodes_file_is_gone(tmp_path: Path) -> None:
    store, copy = Memory(), tmp_path / "copy"
    copy.mkdir()
    node = Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)])
    node.write(ONE, [body("a")])
    node.tick()
    store.signed.clear()
    (tmp_path / "keys" / STATE_NAME).unlink()
    alarms: list[str] = []
    with pytest.raises(EvidenceError, match="rolled back"):
        Checkpointer(
            store, "n1", KEY, "sha256", [DirectoryCopy(copy)], lambda: NOW, folder=tmp_path / "keys",
            alarm=lambda event, _: alarms.append(event),
        )  # fmt: skip
    assert alarms == ["checkpoint.rolled_back"]


def test_another_checkpoint_of_one_number_is_refused(tmp_path: Path) -> None:
    one, two = Memory(), Memory()
    for store, folder, name in ((one, "one", "a"), (two, "two", "b")):
        node = Node(store, tmp_path / folder)
        node.write(ONE, [body(name)])
        node.tick()
    with pytest.raises(EvidenceError, match="two nodes have one name"):
        Node(one, tmp_path / "two")


def test_the_file_of_another_node_is_refused(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    node.tick()
    with pytest.raises(EvidenceError, match="holds a checkpoint of node `n1`, but this is `n2`"):
        Node(Memory(), tmp_path, name="n2")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    node.tick()
    (tmp_path / STATE_NAME).write_bytes(b"\xff")
    with pytest.raises(EvidenceError, match="damaged; restore it"):
        Node(store, tmp_path)


def test_a_stream_that_went_back_is_not_signed(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a"), body("b")])
    before = store.held[ONE]
    node.write(ONE, [body("c")])
    node.tick()
    for changed in (before, replace(store.held[ONE], chain=bytes(32))):
        store.held[ONE] = changed
        with pytest.raises(EvidenceError, match="rolled back or changed"):
            node.tick()
    assert node.alarms == ["checkpoint.stream_back"] * 2
    assert list(store.signed) == [("n1", 1)]


def test_a_changed_last_checkpoint_is_refused(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    node.tick()
    outer, _ = parse_checkpoint(store.signed["n1", 1])
    outer.signature = bytes(64)
    store.signed["n1", 1] = outer.SerializeToString()
    (tmp_path / STATE_NAME).unlink()
    with pytest.raises(EvidenceError, match="wrong signature"):
        Node(store, tmp_path)


def test_a_new_key_is_told(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path)
    node.write(ONE, [body("a")])
    node.tick()
    other = NodeKey.load_or_create(tmp_path / "other")
    events: list[str] = []
    again = Checkpointer(
        store, "n1", other, "sha256", [], lambda: NOW, folder=tmp_path, alarm=lambda event, _: events.append(event)
    )
    assert events == ["checkpoint.key_changed"]
    node.write(ONE, [body("b")])
    again.tick(store.states("n1").values())
    assert verify(store, TrustedKeys.of(KEY, other)).is_complete


# --- copies ------------------------------------------------------------------------------------------------------


def lines(folder: Path) -> list[int]:
    return [number for _, number, _ in read_copy(folder)]


def test_a_folder_gets_a_line_a_checkpoint(tmp_path: Path) -> None:
    store, copy = Memory(), tmp_path / "copy"
    copy.mkdir()
    node = Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)])
    for name in "ab":
        node.write(ONE, [body(name)])
        node.tick()
    (path,) = copy.iterdir()
    assert path.name == "checkpoints-n1.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2]
    assert [signed for _, _, signed in read_copy(copy)] == list(store.signed.values())
    Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)]).tick()
    assert lines(copy) == [1, 2]


def test_a_folder_that_is_away_gets_all_later(tmp_path: Path) -> None:
    store, copy = Memory(), tmp_path / "copy"
    node = Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)])
    assert node.alarms == ["checkpoint.copy_failed"]
    for name in "abc":
        node.time += 100 * NANOS
        node.write(ONE, [body(name)])
        node.tick()
    assert node.checkpointer.unsent() == {str(copy): 3}
    copy.mkdir()
    node.time += 100 * NANOS
    node.tick()
    assert lines(copy) == [1, 2, 3]
    assert node.alarms == ["checkpoint.copy_failed", "checkpoint.copy_back"]


def test_a_restart_sends_the_last_one_to_a_copy_that_lacks_it(tmp_path: Path) -> None:
    store, copy = Memory(), tmp_path / "copy"
    node = Node(store, tmp_path / "keys")
    for name in "ab":
        node.write(ONE, [body(name)])
        node.tick()
    copy.mkdir()
    Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)]).tick()
    assert lines(copy) == [2]
    assert verify(store, TRUSTED, [copy]).is_complete


def test_a_torn_line_stays_alone(tmp_path: Path) -> None:
    store, copy = Memory(), tmp_path / "copy"
    copy.mkdir()
    node = Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)])
    for name in "ab":
        node.write(ONE, [body(name)])
        node.tick()
    path = copy / "checkpoints-n1.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert DirectoryCopy(copy).last("n1") == store.signed["n1", 1]
    node = Node(store, tmp_path / "keys", copies=[DirectoryCopy(copy)])
    node.tick()
    assert lines(copy) == [1, 2]


def test_the_last_line_of_a_long_file(tmp_path: Path) -> None:
    copy, store = DirectoryCopy(tmp_path), Memory()
    node = Node(store, tmp_path / "keys", copies=[copy])
    path = tmp_path / "checkpoints-n1.jsonl"
    for name in "abc":
        node.write(ONE, [body(name)])
        node.tick()
        with path.open("ab") as lines_:
            lines_.write(b"x" * 100_000 + b"\n")
    assert copy.last("n1") == store.signed["n1", 3]
    with path.open("ab") as lines_:
        lines_.write(b"x" * 100_000)
    assert copy.last("n1") == store.signed["n1", 3]
    assert lines(tmp_path) == [1, 2, 3]


def test_names_of_nodes_stay_in_the_folder(tmp_path: Path) -> None:
    copy = DirectoryCopy(tmp_path)
    copy.send("../a/b", 1, b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints-..%2Fa%2Fb.jsonl"]


TAKE = """
import os, pathlib, sys
name = os.environ["JINGXI_CHECKPOINT_NODE"] + "-" + os.environ["JINGXI_CHECKPOINT_NUMBER"]
pathlib.Path(sys.argv[1], name).write_bytes(sys.stdin.buffer.read())
"""


def test_a_program_gets_each_checkpoint(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path / "keys", copies=[CommandCopy([sys.executable, "-c", TAKE, str(tmp_path)], 60)])
    for name in "ab":
        node.write(ONE, [body(name)])
        node.tick()
    assert [(tmp_path / f"n1-{number}").read_bytes() for number in (1, 2)] == list(store.signed.values())


@pytest.mark.parametrize(
    ("copy", "error"),
    [(CommandCopy([sys.executable, "-c", "raise SystemExit(3)"], 60), OSError),
     (CommandCopy([sys.executable, "-c", "import time; time.sleep(600)"], 0.2), TimeoutError),
     (CommandCopy(["sh", "-c", "sleep 600 & wait"], 0.2), TimeoutError),
     (CommandCopy(["/nowhere/program"], 60), FileNotFoundError)],
)  # fmt: skip
def test_a_program_that_fails_is_told_and_tried_again(tmp_path: Path, copy: Copy, error: type[OSError]) -> None:
    with pytest.raises(error):
        copy.send("n1", 1, b"x" * 1_000_000)
    store = Memory()
    node = Node(store, tmp_path / "keys", copies=[copy])
    node.write(ONE, [body("a")])
    node.tick()
    assert node.alarms == ["checkpoint.copy_failed"]
    assert list(node.checkpointer.unsent().values()) == [1]
    assert len(store.signed) == 1


class Flaky:
    """A copy that fails and counts how often it was asked."""

    name = "flaky"

    def __init__(self) -> None:
        self.asked = 0

    def send(self, node: str, number: int, signed: bytes) -> None:
        self.asked += 1
        raise OSError(5, "Input/output error")

    def last(self, node: str) -> bytes | None:
        return None


def test_a_failing_copy_is_asked_less_and_less(tmp_path: Path) -> None:
    copy, store = Flaky(), Memory()
    node = Node(store, tmp_path / "keys", copies=[copy])
    node.write(ONE, [body("a")])
    for _ in range(200):
        node.tick()
    assert 5 <= copy.asked <= 10
    assert node.alarms == ["checkpoint.copy_failed"]
    asked = copy.asked
    # A clock that was set back does not keep it waiting for ever.
    node.time -= 10_000 * NANOS
    node.tick()
    assert copy.asked == asked + 1
