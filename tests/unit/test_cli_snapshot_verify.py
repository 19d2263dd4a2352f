"""`pdp snapshot verify`, `prove` and `verify-proof` on a real store in a file."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pdp.cli.snapshot_verify import prove, verify, verify_proof
from pdp.errors import EvidenceError, SnapshotNotFoundError
from pdp.signing import NodeKey
from pdp.snapshot import chain
from pdp.snapshot.chain import SpooledRecord
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import Checkpointer, DirectoryCopy
from pdp.snapshot.evidence.file import save, write_selection, write_streams
from pdp.snapshot.store import open_reader, open_writer
from pdp.snapshot.store.base import StreamState
from tests.unit.evidence import NOW, body, stream

STREAMS = [stream(), stream(retention="long"), stream(boot="00000000000000b2")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store of three streams, keys and copies."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "copies").mkdir()
    key = NodeKey.load_or_create(folder / "keys")
    writer = open_writer(f"sqlite:{folder / 's.db'}")
    checkpointer = Checkpointer(
        writer, "n1", key, "sha256", [DirectoryCopy(folder / "copies")], lambda: NOW, folder=folder / "keys",
        alarm=lambda _event, words: pytest.fail(words),
    )  # fmt: skip
    for number, one in enumerate(STREAMS):
        state = StreamState(one, 0, chain.genesis(one, "sha256"), merkle.EMPTY)
        for part in range(3):
            records, value = [], state.chain
            for sequence in range(state.count, state.count + 10):
                data = body(f"d{number}-{sequence}")
                value = chain.link(value, sequence, data)
                records.append(SpooledRecord(one, sequence, data, value))
            tree = merkle.extend(state.tree, [record.chain for record in records])
            state = replace(state, count=tree.size, chain=value, tree=tree)
            writer.take(records, [state])
            if part < 2:
                checkpointer.tick([state])
    writer.close()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may change."""
    for name in ("keys", "copies"):
        (tmp_path / name).symlink_to(made / name)
    source, target = sqlite3.connect(made / "s.db"), sqlite3.connect(tmp_path / "s.db")
    source.backup(target)
    source.close()
    target.close()
    (tmp_path / "s.db").chmod(0o600)
    return tmp_path


def run(command: click.Command, *arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def run_verify(folder: Path, *arguments: object) -> Result:
    return run(verify, "--store", f"sqlite:{folder / 's.db'}", "--keys", folder / "keys", *arguments)


def forge(folder: Path) -> None:
    """Change a record of the long stream behind the store's back."""
    connection = sqlite3.connect(folder / "s.db")
    (table,) = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'records_long%' AND type = 'table'")
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{trigger}"')
    connection.execute(f'UPDATE "{table[0]}" SET body = ? WHERE id = ?', (body("forged"), "d1-13"))  # noqa: S608
    connection.commit()
    connection.close()


@pytest.mark.parametrize("more", [(), ("--chain-only",), ("--jobs", 2)])
def test_a_whole_store(folder: Path, more: tuple[object, ...]) -> None:
    result = run_verify(folder, "--copies", folder / "copies", *more)
    assert result.return_value == 0
    assert result.output.splitlines()[-2:] == [
        "complete, nothing changed: 90 records in 3 chains, 6 checkpoints",
        "30 records are later than the last checkpoint",
    ]


@pytest.mark.parametrize("more", [(), ("--jobs", 2)])
def test_a_changed_store(folder: Path, more: tuple[object, ...]) -> None:
    forge(folder)
    result = run_verify(folder, *more)
    assert result.return_value == 1
    assert result.output.splitlines()[0] == (
        "node n1, chain 00000000000000b1/long/20000, record 13 (forged): changed after it was recorded"
    )
    assert "1 fault found" in result.output


def test_json_and_chinese(folder: Path) -> None:
    forge(folder)
    told = json.loads(run_verify(folder, "--json").output)
    assert (told["complete"], told["records"], told["findings"][0]["sequence"]) == (False, 90, 13)
    assert "记录 13（forged）：被修改过" in run_verify(folder, "--lang", "zh").output


def test_evidence_files(folder: Path) -> None:
    reader = open_reader(f"sqlite:{folder / 's.db'}")
    save(folder / "all.gz", write_streams(reader))
    save(folder / "some", write_selection(reader, list(reader.records(STREAMS[0]))[3:7]))
    reader.close()
    whole = run(verify, folder / "all.gz", "--keys", folder / "keys", "--copies", folder / "copies")
    assert whole.return_value == 0
    assert "60 records in 3 chains" in whole.output
    some = run(verify, folder / "some", "--keys", folder / "keys" / "node.pub")
    assert some.return_value == 0
    assert "4 records in 1 chain," in some.output
    (folder / "all.gz").write_bytes((folder / "all.gz").read_bytes()[:-20])
    with pytest.raises(click.ClickException, match="damaged at byte") as error:
        run(verify, folder / "all.gz", "--keys", folder / "keys")
    assert error.value.exit_code == 2


def test_what_cannot_be_read(folder: Path) -> None:
    (folder / "nothing").mkdir()
    for arguments, words in [
        (("--store", f"sqlite:{folder}/away.db", "--keys", folder / "keys"), "away.db"),
        (("--store", "mysql://x", "--keys", folder / "keys"), "must begin with"),
        (("--store", f"sqlite:{folder}/s.db", "--keys", folder / "nothing"), "no public key"),
        (("--store", f"sqlite:{folder}/s.db", "--keys", folder / "keys", "--copies", folder / "nothing"), "no copies"),
    ]:
        with pytest.raises(click.ClickException, match=words) as error:
            run(verify, *arguments)
        assert error.value.exit_code == 2
    with pytest.raises(click.UsageError, match="not both"):
        run(verify, folder / "s.db", "--store", "sqlite:/x")


def test_a_proof_goes_round(folder: Path) -> None:
    out, store = folder / "proof.bin", ("--store", f"sqlite:{folder / 's.db'}")
    assert run(prove, "d1-13", *store, "-o", out).return_value == 0
    good = run(verify_proof, out, "--keys", folder / "keys")
    assert good.return_value == 0
    assert good.output.startswith("d1-13: as it was recorded; signed by node n1 at 2024-10-04T01:00:00Z (checkpoint 4")
    assert json.loads(run(verify_proof, out, "--keys", folder / "keys", "--json").output)["sequence"] == 13
    with pytest.raises(click.ClickException, match="exists already"):
        run(prove, "d1-13", *store, "-o", out)
    with pytest.raises(SnapshotNotFoundError):
        run(prove, "none", *store, "-o", folder / "p")
    with pytest.raises(EvidenceError, match="no checkpoint covers"):
        run(prove, "d1-25", *store, "-o", folder / "p")
    out.write_bytes(out.read_bytes().replace(b"d1-13", b"d1-31"))
    bad = run(verify_proof, out, "--keys", folder / "keys")
    assert bad.return_value == 1
    assert "does not fit its chain value" in bad.output
    out.write_bytes(b"\xff")
    with pytest.raises(click.ClickException, match="no proof") as error:
        run(verify_proof, out, "--keys", folder / "keys")
    assert error.value.exit_code == 2
