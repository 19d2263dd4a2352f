"""`pdp bundle` against a running service: what is written on one side of a border is proved on the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pdp.cli.main import main
from pdp.control import signatures
from pdp.engine import bundle as bundles
from pdp.lang.check import check_folder
from pdp.server.settings import Staff
from pdp.signing import NodeKey
from pdp.snapshot.store import open_reader
from pdp.v1 import bundle_pb2
from tests.integration.reporting import wait_for
from tests.integration.running import POLICY, RunningServer, put, start_server, stopping, write_policies

RULE = 'kind: FailureRule\nlevels: {C1: pass}\nuntil: "2100-01-01T00:00:00Z"\n'


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    policies = write_policies(folder)
    (policies / "failure.yaml").write_text(RULE)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    server = start_server(folder / "policies", data=folder / "data", staff=Staff())
    with stopping([server]):
        yield server


@pytest.fixture
def run(
    server: RunningServer, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    del server
    monkeypatch.setenv("PDP_DATA", str(folder / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        code = caught.value.code
        return Ended(code if isinstance(code, int) else 1, streams.out, streams.err)

    return call


@pytest.fixture
def file(run: Run, tmp_path: Path) -> Path:
    file = tmp_path / "out.bundle"
    assert run("bundle", "export", file).code == 0
    return file


def keys(folder: Path) -> Path:
    return folder / "data" / "keys" / "control"


def test_what_is_exported_is_proved(run: Run, file: Path, folder: Path, server: RunningServer) -> None:
    facts = server.app.facts()
    ended = run("bundle", "verify", file, "--trust", keys(folder), "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.data["revision"] == facts["revision"]
    assert ended.data["hash"] == facts["hash"]
    assert len(ended.data["key_id"]) == 16
    ended = run("bundle", "verify", file, "--trust", keys(folder), "--lang", "zh")
    assert "客户端可以据此裁决" in ended.out


def test_an_earlier_revision(run: Run, folder: Path, server: RunningServer, tmp_path: Path) -> None:
    before = server.app.facts()
    put(folder / "policies" / "policy.yaml", POLICY.replace("subject.level >= 3", "subject.level >= 5"))
    wait_for(lambda: server.app.facts()["revision"] == before["revision"] + 1)
    ended = run("bundle", "export", "--revision", before["revision"], tmp_path / "old", "--json")
    assert (ended.code, ended.data["hash"]) == (0, before["hash"])
    assert bundles.read(tmp_path / "old").revision == before["revision"]
    ended = run("bundle", "export", "--revision", 99, tmp_path / "none")
    assert (ended.code, ended.err) == (1, "pdp: error: there is no revision 99\n")
    assert not (tmp_path / "none").exists()


def test_what_is_in_it(run: Run, file: Path) -> None:
    ended = run("bundle", "show", file)
    assert ended.code == 0
    assert "core-counter/customer-detail" in ended.out
    assert "fields of level C1 are shown as they are until 2100-01-01T00:00:00Z" in ended.out
    found = run("bundle", "show", file, "--json").data
    assert found["message_maps"] == ["core-counter/customer-detail"]
    assert (found["policies"], found["fields"], found["rules"]) == ({"core": 2}, 3, 2)
    assert "C1 级字段原样显示" in run("bundle", "show", file, "--lang", "zh").out


def change(file: Path, make: Callable[[bundle_pb2.SignedBundle], None]) -> None:
    signed = bundle_pb2.SignedBundle.FromString(file.read_bytes())
    make(signed)
    file.write_bytes(signed.SerializeToString())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda signed: setattr(signed, "bundle", signed.bundle + b"\x08\x01"), "does not match its hash"),
        (lambda signed: setattr(signed, "revision", signed.revision + 1), "the signature of revision"),
        (lambda signed: setattr(signed, "signature", b""), "is not signed"),
        (lambda signed: setattr(signed, "signature", bytes(64)), "the signature of revision"),
    ],
)
def test_what_was_changed_on_the_way_is_refused(
    run: Run, file: Path, folder: Path, make: Callable[[bundle_pb2.SignedBundle], None], words: str
) -> None:
    change(file, make)
    ended = run("bundle", "verify", file, "--trust", keys(folder))
    assert (ended.code, ended.out) == (1, "")
    assert words in ended.err


def test_another_key_is_not_enough(run: Run, file: Path, tmp_path: Path) -> None:
    key = NodeKey.load_or_create(tmp_path / "other")
    ended = run("bundle", "verify", file, "--trust", tmp_path / "other")
    assert ended.code == 1
    assert "is none of those given by `--trust`" in ended.err or "which is none" in ended.err
    assert key.id not in ended.err


def test_a_bundle_that_does_not_decide_as_it_says(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    policies = write_policies(tmp_path / "p")
    found = check_folder(policies, analyse=False).resolved
    assert found is not None
    signed = bundles.build(found, 7)
    bundle = bundles.parse(signed)
    case = bundle.golden_cases.add(name="t/s", now_nanos=1)
    case.request = b"\x12\x04\x0a\x02T12\x04name"  # subject T1, the field `name`
    case.expected.add(field="name", effect=2)
    signed.bundle = bundle.SerializeToString(deterministic=True)
    signed.hash = hashlib.sha256(signed.bundle).hexdigest()
    key = NodeKey.load_or_create(tmp_path / "key")
    signed.key_id, signed.signature = key.id, signatures.sign(key, 7, signed.hash)
    (tmp_path / "wrong").write_bytes(signed.SerializeToString())
    ended = run("bundle", "verify", tmp_path / "wrong", "--trust", tmp_path / "key")
    assert ended.code == 1
    assert "otherwise than expected" in ended.err


def test_what_is_no_bundle(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is no bundle at all")
    for command in (("show",), ("verify", "--trust", tmp_path)):
        ended = run("bundle", command[0], tmp_path / "text", *command[1:])
        assert ended.code == 1
        assert ended.err.startswith("pdp: error: ")
    assert run("bundle", "show", tmp_path / "absent").code == 1


def test_an_export_is_recorded(folder: Path, file: Path) -> None:
    del file

    def exports() -> list[str]:
        reader = open_reader(f"sqlite:{folder}/data/store/snapshots.db")
        try:
            found = reader.select(None, after=None, oldest_first=False, limit=100)
        finally:
            reader.close()
        return [record.columns["kind"] for record in found if record.columns["kind"] == "bundle.export"]

    wait_for(exports)
