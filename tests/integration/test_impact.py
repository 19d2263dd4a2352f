"""What a text would change, over a real socket and real stores: counted, shown, and given up when nobody waits."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner

from pdp.cli.main import cli
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.nodes import Nodes
from pdp.control.revisions import Revisions
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.server.address import Address
from pdp.server.judge import PolicyJudge
from pdp.server.staff import ControlHost, SnapshotHost, make_staff_server
from pdp.server.staff.calls import MAX_ANALYSES
from pdp.server.staff.control_host import LoopRunner
from pdp.server.staff.impact import compile_text
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.recorder import recorder
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.snapshot.store.base import Writer
from pdp.v1 import bundle_pb2, decision_service_pb2, policy_service_pb2, policy_service_pb2_grpc, types_pb2
from pdp.values import AttributeType
from tests.integration.postgres import database, postgres
from tests.integration.revisions_steps import KEY, text, wrong
from tests.integration.running import PATIENCE
from tests.integration.store_contract import DAY, DAY_NANOS, fill, key

__all__ = ["database", "postgres"]  # fixtures

ps = policy_service_pb2
NOW = (DAY + 1) * DAY_NANOS
KEYS = ResourceKeys({"k1": b"0" * 32})
TYPES = {"subject.level": AttributeType.INT, "context.menu": AttributeType.STRING}


@dataclass
class Service:
    """A running staff server over both stores."""

    stub: policy_service_pb2_grpc.PolicyServiceStub
    address: str
    writer: Writer
    folder: Path

    def ask(self, **fields: Any) -> list[Any]:
        return list(self.stub.AnalyseImpact(ps.AnalyseImpactRequest(**fields), timeout=PATIENCE))

    def result(self, candidate: Any, **fields: Any) -> Any:
        answers = self.ask(candidate=ps.PolicyText(sources=candidate), **fields)
        assert [answer.done for answer in answers] == [False] * (len(answers) - 1) + [True]
        return answers[-1]

    def run(self, *arguments: str) -> Any:
        command = ["policy", "impact", *arguments, "--server", self.address, "--lang", "en"]
        return CliRunner().invoke(cli, command, standalone_mode=False)


def records(signed: bundle_pb2.SignedBundle, count: int) -> list[bytes]:
    """Return the records of decisions by tellers of the levels 1 to 5 in two menus."""
    program, notes = Program.from_bundle(signed, recorder=recorder(KEYS)), Notes()
    for number in range(count):
        request = decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id=f"T{number}", roles=["teller", "lead"][: 1 + number % 2]),
            action=types_pb2.Action(name="query"),
            resource=types_pb2.Resource(type="customer", id=f"C{number}"),
            fields=["mobile"],
        )
        request.subject.attributes["level"].int_value = 1 + number % 5
        request.context["menu"].string_value = "3101" if number % 4 else "3102"
        program.decide(request.SerializeToString(), DAY * DAY_NANOS + number * 10**6, None, notes)
    return [body for _, body in notes.take()]


@contextmanager
def serving(url: str, folder: Path, count: int) -> Iterator[Service]:
    folder.chmod(0o700)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    run = LoopRunner(loop)

    async def open_store() -> SqliteStore:
        return SqliteStore(folder / "control" / "control.db")

    store, judge = run(open_store()), PolicyJudge()
    signed = compile_text(text(3))
    writer, reader = open_writer(url), open_reader(url)
    fill(writer, key(), records(signed, count))
    writer.add_bundle(signed.hash, 1, signed.SerializeToString())
    asking = Asking(Schema(TYPES, KEYS.of_resource, ("customer",)), Tokens(b"t" * 32), lambda: NOW)
    control = ControlHost(Revisions(store, judge, KEY), Nodes(store), run, lambda _: None, "")
    host = SnapshotHost(reader, lambda: asking, lambda _: None)
    server = make_staff_server(Address("", 0, str(folder / "staff.sock")), host, control=control, actor=lambda _: "eva")
    server.start()
    channel = grpc.insecure_channel(str(server.address))
    stub = policy_service_pb2_grpc.PolicyServiceStub(channel)  # type: ignore[no-untyped-call]
    try:
        yield Service(stub, str(server.address), writer, folder)
    finally:
        channel.close()
        server.stop(0)
        run(store.close())
        judge.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        reader.close()
        writer.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/store/snapshots.db"
    found: str = request.getfixturevalue("database")
    install(found)
    return found


@pytest.fixture
def service(url: str, tmp_path: Path) -> Iterator[Service]:
    with serving(url, tmp_path, 100) as found:
        yield found


def groups(answer: Any, by: str) -> dict[str, tuple[int, int, int]]:
    return {group.key: (group.decisions, group.changed, group.more_shown) for group in answer.groups if group.by == by}


def test_the_text_that_decided_changes_nothing(service: Service) -> None:
    answer = service.result(text(3))
    assert (answer.read, answer.expected, answer.changed, answer.undecidable) == (100, 100, 0, 0)
    assert groups(answer, "menu") == {"3101": (75, 0, 0), "3102": (25, 0, 0)}
    assert not groups(answer, "change")


def test_a_lower_level_shows_more_and_says_where(service: Service) -> None:
    answer = service.result(text(2), examples=2)
    # Those of level 2 in the menu of the rule.
    expected = sum(1 + number % 5 == 2 and number % 4 != 0 for number in range(100))
    assert (answer.changed, answer.more_shown, answer.undecidable) == (expected, expected, 0)
    assert groups(answer, "change") == {"masked>clear": (expected, expected, expected)}
    assert groups(answer, "menu") == {"3101": (75, expected, expected), "3102": (25, 0, 0)}
    assert groups(answer, "field") == {"mobile": (100, expected, expected)}
    assert groups(answer, "role")["teller"] == (100, expected, expected)
    [change] = [group for group in answer.groups if group.by == "change"]
    assert len(change.examples) == 2
    newest = change.examples[0]
    assert newest.entry.record.snapshot.facts.subject.attributes["level"].int_value == 2
    assert newest.entry.record.snapshot.time_nanos > change.examples[1].entry.record.snapshot.time_nanos
    [verdict] = newest.changes
    assert (verdict.field, verdict.before, verdict.after) == ("mobile", types_pb2.EFFECT_MASK, types_pb2.EFFECT_UNMASK)
    assert (verdict.rule_before, verdict.rule_after) == ("", "core/senior")


def test_only_what_was_asked_for_is_made_again(service: Service) -> None:
    assert service.result(text(2), filter='context.menu == "3102"').read == 25
    newest = service.result(text(2), limit=10)
    assert (newest.read, newest.expected) == (10, 10)
    asked = ps.AnalyseImpactRequest(candidate=ps.PolicyText(sources=text(2)))
    getattr(asked, "from").FromNanoseconds(DAY * DAY_NANOS + 90 * 10**6)
    asked.to.FromNanoseconds(DAY * DAY_NANOS + 95 * 10**6)
    *_, answer = service.stub.AnalyseImpact(asked, timeout=PATIENCE)
    assert answer.read == 5


def test_a_draft_and_a_revision_can_be_tried(service: Service) -> None:
    draft = service.stub.SaveDraft(ps.SaveDraftRequest(name="low", sources=text(2)), timeout=PATIENCE).draft
    by_draft = service.ask(candidate=ps.PolicyText(draft="low"))[-1]
    version = service.stub.SubmitDraft(ps.SubmitDraftRequest(name="low", version=draft.version)).draft.version
    service.stub.PublishDraft(ps.PublishDraftRequest(name="low", version=version), timeout=PATIENCE)
    by_number = service.ask(candidate=ps.PolicyText(revision=0))[-1]
    assert by_draft.changed == by_number.changed > 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"candidate": ps.PolicyText(sources=wrong())}, grpc.StatusCode.FAILED_PRECONDITION),
        ({"candidate": ps.PolicyText(draft="none")}, grpc.StatusCode.NOT_FOUND),
        ({"candidate": ps.PolicyText(sources=text()), "filter": "x =="}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"candidate": ps.PolicyText(sources=text()), "limit": -1}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"candidate": ps.PolicyText(sources=text()), "examples": 21}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, fields: Any, code: grpc.StatusCode) -> None:
    with serving(f"sqlite:{tmp_path}/store/snapshots.db", tmp_path, 1) as service:
        with pytest.raises(grpc.RpcError) as caught:
            service.ask(**fields)
        assert caught.value.code() is code, caught.value.details()


def test_without_the_bundle_that_decided_nothing_is_claimed(tmp_path: Path) -> None:
    with serving(f"sqlite:{tmp_path}/store/snapshots.db", tmp_path, 1) as service:
        unknown = compile_text(text(4))
        fill(service.writer, key(boot="00000000000000a2"), records(unknown, 10))
        answer = service.result(text(2))
        assert (answer.read, answer.undecidable) == (11, 10)
        assert dict(answer.insufficient) == {"policy_hash": 10}


def is_answered(call: Any) -> bool:
    """Whether a call ends well; one that finds no place does not."""
    try:
        return bool(list(call)[-1].done)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return False
        raise


def test_a_caller_who_goes_away_ends_the_work(tmp_path: Path) -> None:
    with serving(f"sqlite:{tmp_path}/store/snapshots.db", tmp_path, 20_000) as service:
        call = service.stub.AnalyseImpact(ps.AnalyseImpactRequest(candidate=ps.PolicyText(sources=text(2))))
        first = next(call)
        assert (first.read, first.done) == (0, False)
        begun = time.monotonic()
        call.cancel()
        # Each of the few places for such calls is free again.
        asked = ps.AnalyseImpactRequest(candidate=ps.PolicyText(sources=text(2)), limit=1)
        ended = False
        while not ended and time.monotonic() - begun < PATIENCE:
            calls = [service.stub.AnalyseImpact(asked) for _ in range(MAX_ANALYSES)]
            ended = all(is_answered(one) for one in calls)
        assert ended
        assert time.monotonic() - begun < 10


class TestCommand:
    @pytest.fixture
    def service(self, tmp_path: Path) -> Iterator[Service]:
        with serving(f"sqlite:{tmp_path}/store/snapshots.db", tmp_path, 100) as found:
            yield found

    def folder(self, service: Service, candidate: Any) -> str:
        place = service.folder / "candidate"
        for file in candidate.files:
            (place / file.path).parent.mkdir(parents=True, exist_ok=True)
            (place / file.path).write_text(file.text, encoding="utf-8")
        return str(place)

    def test_tells_what_would_change(self, service: Service) -> None:
        since = ("--since", "2020-01-01", "--until", "2100-01-01")
        found = service.run(self.folder(service, text(2)), *since, "--by", "change,menu")
        assert found.exception is None, found.output
        assert "100 decisions made again" in found.output
        assert "masked>clear" in found.output
        assert "3101" in found.output
        assert "core/senior" in found.output

    def test_json_has_all_of_it(self, service: Service) -> None:
        since = ("--since", "2020-01-01", "--until", "2100-01-01")
        found = service.run(self.folder(service, text(2)), *since, "--by", "field", "--json", "--examples", "1")
        data = json.loads(found.output)
        assert data["done"] is True
        assert {group["by"] for group in data["groups"]} == {"field"}
        assert len(data["groups"][0]["examples"]) == 1

    def test_errors_of_the_text_are_shown_where_they_are(self, service: Service) -> None:
        found = service.run(self.folder(service, wrong()))
        assert "the text has 1 error" in str(found.exception)
        assert "unknown field `nothing`" in found.stderr

    def test_a_wrong_filter_is_shown_where_it_is_wrong(self, service: Service) -> None:
        found = service.run(self.folder(service, text()), "--filter", "nothing == 1")
        assert "--filter:" in str(found.exception)
        assert "^" in str(found.exception)
