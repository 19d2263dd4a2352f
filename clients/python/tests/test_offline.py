"""The offline client: where its bundle comes from, what it keeps, what it records."""

from __future__ import annotations

import builtins
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from bundle_support import BUNDLES, TRUST, Bundles
from client_support import Service, serving
from jingxi_client import (
    Alarm,
    AlarmKind,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    MessageMismatchError,
    RequestRejectedError,
    Resource,
    RevisionTooOldError,
    Subject,
    UnknownMessageError,
    _sources,
)
from jingxi_client._gen.pdp.v1 import bundle_service_pb2
from jingxi_client._spool import Spool
from jingxi_client.offline import OfflineClient

TELLER = Subject("T1", (), {"level": 3})
MESSAGE = {
    "no": "C1", "name": "张三", "mobile": "13812348000", "phone": None, "pin": "314159", "grade": "normal",
    "accounts": [{"no": "100200300400", "balance": 12.5}, {"no": "100200300401", "balance": 12_345.0}],
}  # fmt: skip
# Without its balance the customer may be rich, whose number is left out.
SHOWN = {
    "no": "C1", "name": "张*", "pin": "***", "grade": "normal",
    "accounts": [{"no": "********0400", "balance": "<50000"}, {"no": "********0401"}],
}  # fmt: skip
HIDDEN = {
    "no": "C1", "name": "张*", "mobile": "138****8000", "phone": None, "pin": "***", "grade": "normal",
    "accounts": [{"no": "********0400", "balance": "<50000"}, {"no": "********0401", "balance": "<50000"}],
}  # fmt: skip


@pytest.fixture
def bundles() -> Bundles:
    return Bundles()


@pytest.fixture
def target(bundles: Bundles) -> Iterator[str]:
    with serving(Service(), bundles.add_to) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def alarms() -> list[Alarm]:
    return []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(BUNDLES / "verdicts.pb", tmp_path / "bundle.pb"))


@pytest.fixture
def client(file: Path, tmp_path: Path, alarms: list[Alarm]) -> Iterator[OfflineClient]:
    with OfflineClient(file=file, trust=TRUST, state=tmp_path / "state", alarm=alarms.append) as made:
        yield made


def mask(client: OfflineClient, message: Any = MESSAGE, **more: Any) -> Any:
    return client.mask(message, application="counter", name="customer", subject=TELLER, **more)


def kinds(alarms: list[Alarm]) -> list[AlarmKind]:
    return [alarm.kind for alarm in alarms]


def until(condition: Callable[[], bool], told: threading.Condition | None = None) -> None:
    """Wait for a condition that another thread brings about."""
    waiting = told or threading.Condition()
    with waiting:
        while not condition():
            waiting.wait(0.01)


class TestDeciding:
    def test_a_message_is_masked_as_the_service_does(self, client: OfflineClient) -> None:
        masked = mask(client, grant_ids=["G1"])
        assert masked.message == SHOWN
        assert masked.fallback is None
        own, *accounts = masked.decisions
        assert own.decision.diagnostics[0].code == "grant_not_found"
        assert [part.place for part in accounts] == ["$.accounts[0]", "$.accounts[1]"]
        ids = [part.decision.decision_id for part in masked.decisions]
        assert [name.rpartition("-")[2] for name in ids] == ["1", "2", "3"]
        assert len({name.rpartition("-")[0] for name in ids}) == 1
        assert masked.decisions[0].decision.revision == client.status().revision == 7

    def test_fields_are_decided(self, client: OfflineClient) -> None:
        decision = client.decide(
            ["branch", "mobile"],
            subject=TELLER,
            resource=Resource("customer", "C1", {"balance": 1.0}),
            context={"application": "counter"},
        )
        assert [verdict.unmasked for verdict in decision.verdicts] == [False, True]
        assert decision.obligations[0].type == "watermark"

    def test_what_is_wrong_is_told_as_the_service_tells_it(self, client: OfflineClient) -> None:
        with pytest.raises(UnknownMessageError):
            client.mask({}, application="counter", name="nothing", subject=TELLER)
        with pytest.raises(UnknownMessageError):
            client.prepare("counter", "nothing")
        client.prepare("counter", "customer")
        with pytest.raises(MessageMismatchError):
            mask(client, {"accounts": 5})
        with pytest.raises(RequestRejectedError) as caught:
            client.decide([], subject=TELLER)
        assert caught.value.violations[0].field == "fields"
        with pytest.raises(RevisionTooOldError):
            mask(client, min_revision=8)
        with pytest.raises(RevisionTooOldError):
            mask(client, min_grant_revision=1)
        client.close()
        with pytest.raises(ClientClosedError):
            mask(client)

    def test_a_hundred_threads_share_a_client(self, client: OfflineClient) -> None:
        with futures.ThreadPoolExecutor(100) as pool:
            found = list(pool.map(lambda _: mask(client), range(300)))
        assert all(masked.message == SHOWN for masked in found)
        ids = [part.decision.decision_id for masked in found for part in masked.decisions]
        assert len(set(ids)) == 900
        assert client.status().waiting == 900


class TestSource:
    def test_a_file_that_changes_is_followed(self, tmp_path: Path, file: Path, alarms: list[Alarm]) -> None:
        state = tmp_path / "state"
        with OfflineClient(file=file, trust=TRUST, state=state, alarm=alarms.append) as client:
            source = client._source
            assert isinstance(source, _sources.FileSource)
            first = client.status().policy_hash
            shutil.copy(BUNDLES / "conditions.pb", tmp_path / "new")
            (tmp_path / "new").replace(file)
            source.look()
            assert client.status().policy_hash != first
            assert client.status().problem == ""
            file.unlink()
            source.look()
            assert "cannot be read" in client.status().problem
        assert alarms == []

    @pytest.mark.parametrize("name", ["flipped-byte", "unsigned", "strangers-key", "golden-case", "older", "cut-off"])
    def test_a_bundle_that_is_refused_leaves_the_one_in_use(
        self, client: OfflineClient, file: Path, tmp_path: Path, alarms: list[Alarm], name: str
    ) -> None:
        shutil.copy(BUNDLES / f"refused-{name}.pb", tmp_path / "new")
        (tmp_path / "new").replace(file)
        assert isinstance(client._source, _sources.FileSource)
        client._source.look()
        client._source.look()
        assert kinds(alarms) == [AlarmKind.BUNDLE_REFUSED]
        assert client.status().problem.startswith("a bundle was refused")
        assert mask(client).message == SHOWN
        shutil.copy(BUNDLES / "verdicts.pb", tmp_path / "new")
        (tmp_path / "new").replace(file)
        client._source.look()
        assert client.status().problem == ""

    def test_nodes_are_watched(self, bundles: Bundles, target: str, tmp_path: Path) -> None:
        with OfflineClient(target, trust=TRUST, state=tmp_path, max_age=10) as client:
            assert bundles.asked.get(timeout=30) == (0, "")
            with pytest.raises(DecisionUnavailableError, match="no bundle to decide by yet"):
                mask(client)
            bundles.put("verdicts")
            client.wait_ready(30)
            assert mask(client).message == SHOWN
            first = client.status().policy_hash
            bundles.put("conditions")
            until(lambda: client.status().policy_hash != first)
            newer = client.status().policy_hash
            bundles.send("end")
            # The next watch says what is known.
            assert bundles.asked.get(timeout=30) == (7, newer)
            bundles.current(stale=25)
            until(lambda: (client.status().age or 0) > 20)
            decision = client.decide(["s_any"], subject=TELLER, context={"s": "a"})
            assert decision.diagnostics[-1].code == "stale_policies"

    def test_a_header_that_comes_meanwhile_ends_the_bundle_under_way(
        self, bundles: Bundles, target: str, tmp_path: Path
    ) -> None:
        with OfflineClient(target, trust=TRUST, state=tmp_path) as client:
            header = bundle_service_pb2.BundleHeader(revision=9, hash="0" * 64, size=100)
            bundles.send(bundle_service_pb2.WatchBundleResponse(header=header))
            bundles.send(bundle_service_pb2.WatchBundleResponse(chunk=b"x" * 50))
            bundles.put("verdicts")
            client.wait_ready(30)
            assert mask(client).message == SHOWN

    def test_too_many_bytes_end_the_watch(self, bundles: Bundles, target: str, tmp_path: Path) -> None:
        with OfflineClient(target, trust=TRUST, state=tmp_path) as client:
            bundles.asked.get(timeout=30)
            header = bundle_service_pb2.BundleHeader(revision=9, hash="0" * 64, size=1)
            bundles.send(bundle_service_pb2.WatchBundleResponse(header=header))
            bundles.send(bundle_service_pb2.WatchBundleResponse(chunk=b"xx"))
            until(lambda: "more bytes" in client.status().problem)
            bundles.asked.get(timeout=30)

    def test_the_last_good_bundle_serves_while_the_source_is_away(
        self, file: Path, tmp_path: Path, alarms: list[Alarm]
    ) -> None:
        state = tmp_path / "state"
        with OfflineClient(file=file, trust=TRUST, state=state):
            pass
        with OfflineClient("127.0.0.1:1", trust=TRUST, state=state, max_age=3600) as client:
            masked = mask(client)
            assert masked.message == SHOWN
            # It was not heard to be in force since.
            assert masked.decisions[0].decision.diagnostics[-1].code == "stale_policies"
        kept = bytearray((state / "bundle.pb").read_bytes())
        kept[500] ^= 1
        (state / "bundle.pb").write_bytes(bytes(kept))
        with OfflineClient("127.0.0.1:1", trust=TRUST, state=state, alarm=alarms.append) as client:
            with pytest.raises(DecisionUnavailableError):
                mask(client)
            assert kinds(alarms) == [AlarmKind.BUNDLE_REFUSED]

    def test_what_must_be_given(self, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError, match="no source of bundles"):
            OfflineClient(trust=TRUST, state=tmp_path)
        with pytest.raises(ConfigurationError, match="record is `never`"):
            OfflineClient(file=file, trust=TRUST, state=tmp_path, record="never")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="trusted keys"):
            OfflineClient(file=file, trust=tmp_path / "nothing", state=tmp_path)
        with pytest.raises(ConfigurationError, match="plain text"):
            OfflineClient("pdp.example:1", insecure=True, token_file=file, trust=TRUST, state=tmp_path)
        imported = builtins.__import__

        def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "jingxi_client" and "_engine" in (args[2] or ()):
                raise ImportError("no module named pdp")
            return imported(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", refusing)
        with pytest.raises(ConfigurationError, match=r"install `jingxi-client\[offline\]`"):
            OfflineClient(file=file, trust=TRUST, state=tmp_path)


class TestRecord:
    def test_decisions_are_reported_once(self, bundles: Bundles, target: str, file: Path, tmp_path: Path) -> None:
        state = tmp_path / "state"
        lost = [True]

        def lose(context: grpc.ServicerContext) -> None:
            if lost.pop() if lost else False:
                context.abort(grpc.StatusCode.UNAVAILABLE, "away")

        bundles.before = lose
        with OfflineClient(target, file=file, trust=TRUST, state=state) as client:
            for _ in range(40):
                mask(client, request_id="r")
        with OfflineClient(target, file=file, trust=TRUST, state=state) as client, bundles.changed:
            assert bundles.changed.wait_for(lambda: len(bundles.decisions) >= 100, 30)
        with OfflineClient(target, file=file, trust=TRUST, state=state):
            pass  # closing reports what is left
        assert [decision.sequence for decision in bundles.decisions] == list(range(1, 121))
        first = bundles.decisions[0]
        assert first.request.request_id == first.response.request_id == "r"
        assert (first.request.resource.id, first.response.revision) == ("C1", 7)
        assert [verdict.field for verdict in first.response.verdicts] == ["name", "mobile", "pin"]
        assert "13812348000" not in str(first)

    def test_it_is_on_the_disk_before_the_message_is_returned(
        self, client: OfflineClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        durable: list[bool] = []
        real = Spool.append

        def append(spool: Spool, make: Any, *, durable_: bool = True, **more: Any) -> int:
            durable.append(more.get("durable", True))
            return real(spool, make, **more)

        monkeypatch.setattr(Spool, "append", append)
        mask(client)
        client._record = "async"
        mask(client)
        client.decide(["id_no"], subject=TELLER)
        client.decide(["tie_shown"], subject=TELLER)
        client._record = "async-all"
        client.decide(["tie_shown"], subject=TELLER)
        assert durable == [True, False, False, True, False]
        until(lambda: client._log._spool._synced == client._log._spool.last)

    def test_nothing_is_unmasked_when_it_cannot_be_recorded(
        self, client: OfflineClient, alarms: list[Alarm], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Spool, "append", full)
        masked = mask(client)
        assert masked.message == HIDDEN
        assert (masked.fallback.cause, masked.fallback.recorded) == ("not_recorded", False)
        with pytest.raises(DecisionUnavailableError, match="cannot be recorded"):
            client.decide(["tie_shown"], subject=TELLER)
        assert kinds(alarms) == [AlarmKind.NOT_RECORDED] * 2

    def test_damage_of_the_log_is_told_and_leaves_no_gap(
        self, bundles: Bundles, target: str, file: Path, tmp_path: Path, alarms: list[Alarm]
    ) -> None:
        state = tmp_path / "state"
        with OfflineClient(file=file, trust=TRUST, state=state) as client:
            for _ in range(3):
                client.decide(["name"], subject=TELLER)
        (log,) = (state / "decisions").glob("*.log")
        data = bytearray(log.read_bytes())
        data[30] ^= 1
        log.write_bytes(bytes(data))
        with OfflineClient(target, file=file, trust=TRUST, state=state, alarm=alarms.append) as client:
            client.decide(["name"], subject=TELLER)
        assert kinds(alarms) == [AlarmKind.STATE_DAMAGED]
        assert [decision.sequence for decision in bundles.decisions] == [1, 2, 3, 4]
        assert [decision.HasField("request") for decision in bundles.decisions] == [False, False, False, True]
