"""Security events on real sockets and files: nothing is lost while a collector is away, and nothing waits for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pdp.errors import ConfigError, SiemError
from pdp.server.facts import SiemFacts
from pdp.server.settings import Settings, Siem
from pdp.server.siem.address import parse_collector
from pdp.server.siem.events import Event, own_event
from pdp.server.siem.file import LinesFile
from pdp.server.siem.outputs import Outputs
from pdp.v1 import snapshot_pb2
from tests.integration.backed import Machine
from tests.integration.needs import missing
from tests.integration.operated import SENIOR, Operated, call, wait_for
from tests.integration.pki import Authority
from tests.integration.running import put, write_policies
from tests.integration.store_contract import decision
from tests.integration.syslog_receiver import Message, Receiver, receiving, tls

PATIENCE = 60.0


@dataclass
class Told:
    """What outputs say of themselves; safe to wait for."""

    events: list[tuple[str, str]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: str, words: str) -> None:
        with self._changed:
            self.events.append((event, words))
            self._changed.notify_all()

    def wait_for(self, event: str, times: int = 1) -> str:
        """Return the words of an event once it was told so often."""

        def words() -> list[str]:
            return [words for name, words in self.events if name == event]

        with self._changed:
            assert self._changed.wait_for(lambda: len(words()) >= times, PATIENCE), self.events
            return words()[-1]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "data")
    made.data.mkdir()
    made.clock.nanos = time.time_ns()
    made.install()
    return made


@contextlib.contextmanager
def telling(machine: Machine, siem: Siem, told: Told | None = None) -> Iterator[Outputs]:
    """Run what a shipper runs."""
    settings = replace(machine.settings, node="n1", siem=replace(siem, retry_seconds=0.2))
    outputs = Outputs(settings, told or Told())
    outputs.start()
    try:
        yield outputs
    finally:
        outputs.stop(10)


def do(machine: Machine, *kinds: str, **details: str) -> None:
    """Record operations and bring them into the store."""
    life = machine.life()
    for number, kind in enumerate(kinds):
        operation = snapshot_pb2.Operation(
            id=f"{kind}-{machine.clock.nanos}-{number}", time_nanos=machine.clock.nanos, actor="王芳", kind=kind,
            success=True, details=details,
        )  # fmt: skip
        life.append([("long", snapshot_pb2.Record(operation=operation).SerializeToString())])
    life.close()
    machine.ship()


def has_begun(outputs: Outputs) -> None:
    """Wait until what comes next is told: what was there before the first start is not."""
    until(lambda: outputs.facts()["syslog"]["up"])


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    pace = threading.Event()
    while not holds():
        assert time.monotonic() < end
        pace.wait(0.02)


def kinds(messages: list[Message]) -> list[str]:
    return [message.kind for message in messages]


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def at(receiver: Receiver, authority: Path, **others: object) -> Siem:
    made = Siem(parse_collector(f"tls://127.0.0.1:{receiver.port}"), ca=authority)
    return replace(made, **others)  # type: ignore[arg-type]


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Authority, Path]:
    made = Authority.make()
    path = tmp_path / "ca.pem"
    path.write_bytes(made.pem)
    return made, path


def test_tls_with_certificates_on_both_sides(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    bank, ca = authority
    certificate, key = bank.issue("node-1").write(tmp_path, "node")
    with receiving(Receiver(tls(tmp_path, bank.server(), clients=bank))) as receiver:
        siem = at(receiver, ca, certificate=certificate, key=key, begin="oldest", enterprise=32473, facility="local3")
        do(machine, "session.sign_in", reason='客户说"加急"[]')
        with telling(machine, siem) as outputs:
            (message,) = receiver.wait_for(lambda found: len(found) == 1)
            do(machine, "grant.approve", "policy.publish")
            found = receiver.wait_for(lambda found: len(found) == 3)
            facts = outputs.facts()["syslog"]
    assert message.facts["actor"] == "王芳"
    assert message.elements["details"] == {"reason": '客户说"加急"[]'}
    assert message.priority == 19 * 8 + 6
    assert kinds(found) == ["session.sign_in", "grant.approve", "policy.publish"]
    assert (facts["up"], facts["failures"]) == (True, 0)


def test_while_the_collector_is_away_nothing_is_lost(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    bank, ca = authority
    told = Told()
    receiver = Receiver(tls(tmp_path, bank.server()))
    with contextlib.ExitStack() as stack:
        stack.enter_context(receiving(receiver))
        outputs = stack.enter_context(telling(machine, at(receiver, ca), told))
        has_begun(outputs)
        do(machine, "session.sign_in")
        receiver.wait_for(lambda found: len(found) == 1)
        receiver.end()
        words = told.wait_for("siem.syslog_away")
        assert str(receiver.port) in words
        do(machine, *[f"grant.ask{n}" for n in range(450)])
        until(lambda: outputs.facts()["syslog"]["lag_records"] >= 450)
        waiting = outputs.facts()["syslog"]
        assert not waiting["up"]
        assert waiting["error"]
        assert waiting["failures"] > 0
        assert waiting["lag_seconds"] > 0
        receiver.begin()
        expected = {"session.sign_in", *(f"grant.ask{n}" for n in range(450))}
        found = receiver.wait_for(lambda found: set(kinds(found)) == expected)
        told.wait_for("siem.syslog_back")
        until(lambda: outputs.facts()["syslog"]["lag_records"] == 0)
    # The first one may come twice: with the same id.
    assert len({message.facts["id"] for message in found}) == len(expected)
    order = [kind for kind in kinds(found) if kind.startswith("grant")]
    assert order[:450] == [f"grant.ask{n}" for n in range(450)]


def test_what_a_collector_had_not_read_when_it_fell_over_is_told_again(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    bank, ca = authority
    told = Told()
    receiver = Receiver(tls(tmp_path, bank.server()))
    with receiving(receiver), telling(machine, at(receiver, ca), told) as outputs:
        has_begun(outputs)
        do(machine, "session.sign_in")
        receiver.wait_for(lambda found: len(found) == 1)
        # Whatever it had in memory is gone with it.
        receiver.end()
        receiver.messages.clear()
        told.wait_for("siem.syslog_away")
        receiver.begin()
        found = receiver.wait_for(lambda found: len(found) == 1)
        assert kinds(found) == ["session.sign_in"]


def test_after_a_restart_it_goes_on_where_it_was(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    bank, ca = authority
    with receiving(Receiver(tls(tmp_path, bank.server()))) as receiver:
        siem = at(receiver, ca)
        do(machine, "before.it")
        with telling(machine, siem) as outputs:
            has_begun(outputs)
            do(machine, "session.sign_in")
            receiver.wait_for(lambda found: len(found) == 1)
        do(machine, "grant.ask", "grant.approve")
        with telling(machine, siem):
            found = receiver.wait_for(lambda found: len(found) >= 3)
    # What ended in order is told once; what was there before the first start is not told.
    assert kinds(found) == ["session.sign_in", "grant.ask", "grant.approve"]


@pytest.mark.parametrize("wrong", ["authority", "name", "client"])
def test_a_wrong_certificate_is_refused_and_told(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path, wrong: str
) -> None:
    bank, ca = authority
    others = Authority.make("somebody else")
    identity = {
        "authority": others.server(), "name": bank.issue("other", dns=("other.example",)), "client": bank.server(),
    }[wrong]  # fmt: skip
    told = Told()
    with receiving(Receiver(tls(tmp_path, identity, clients=bank if wrong == "client" else None))) as receiver:
        do(machine, "session.sign_in")
        with telling(machine, at(receiver, ca, begin="oldest"), told) as outputs:
            words = told.wait_for("siem.syslog_away")
            receiver.wait_refused()
            until(lambda: outputs.facts()["syslog"]["failures"] > 1)
            assert receiver.messages == []
    reason = {"authority": "certificate is not to be trusted", "name": "not valid for", "client": ""}[wrong]
    assert reason in words


def test_a_certificate_may_bear_another_name_that_is_said(
    machine: Machine, authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    bank, ca = authority
    with receiving(Receiver(tls(tmp_path, bank.issue("siem", dns=("siem.bank.example",))))) as receiver:
        do(machine, "session.sign_in")
        with telling(machine, at(receiver, ca, begin="oldest", server_name="siem.bank.example")):
            receiver.wait_for(lambda found: len(found) == 1)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_plain_on_this_machine(machine: Machine, tmp_path: Path, scheme: str) -> None:
    made = Receiver(path=tmp_path / "log.sock") if scheme == "unix" else Receiver()
    with receiving(made) as receiver:
        url = f"unix:{made.path}" if scheme == "unix" else f"tcp://127.0.0.1:{receiver.port}"
        do(machine, "session.sign_in")
        with telling(machine, Siem(parse_collector(url), begin="oldest")):
            receiver.wait_for(lambda found: len(found) == 1)


def test_while_the_store_is_away_the_collector_hears_of_that(machine: Machine) -> None:
    store = machine.data / "store"
    with receiving(Receiver()) as receiver:
        do(machine, "session.sign_in")
        siem = Siem(parse_collector(f"tcp://127.0.0.1:{receiver.port}"), begin="oldest")
        with telling(machine, siem) as outputs:
            receiver.wait_for(lambda found: len(found) == 1)
            aside = store.with_name("aside")
            outputs.stop(10)
            store.rename(aside)
            # A store that is not there would be made.
            store.write_bytes(b"")
            with telling(machine, siem):
                away = receiver.wait_for(lambda found: "siem.store_away" in kinds(found))[-1]
                store.unlink()
                aside.rename(store)
                receiver.wait_for(lambda found: "siem.store_back" in kinds(found))
                do(machine, "grant.ask")
                receiver.wait_for(lambda found: "grant.ask" in kinds(found))
    assert (away.facts["class"], away.severity) == ("alarm", 3)


def test_only_flagged_decisions_are_told_unless_asked_for(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    life = machine.life()
    life.append([("long", decision(number, severity=number % 4)) for number in range(40)])
    life.close()
    machine.ship()
    do(machine, "session.sign_in")
    with telling(machine, Siem(file=path, begin="oldest", decisions="all")) as outputs:
        until(lambda: path.exists() and len(lines(path)) == 41)
        until(lambda: outputs.facts()["file"]["sent"] == 41)
    flagged = [found for found in lines(path) if found["class"] == "decision" and found["severity"] == "warning"]
    other = tmp_path / "flagged.jsonl"
    (machine.data / "siem" / "file.json").unlink()
    with telling(machine, Siem(file=other, begin="oldest")):
        until(lambda: other.exists() and any(found["class"] == "sign-in" for found in lines(other)))
    assert [found for found in lines(other) if found["class"] == "decision"] == flagged
    assert len(flagged) == 10


def test_all_nodes_or_the_own_one(machine: Machine, tmp_path: Path) -> None:
    do(machine, "session.sign_in")
    other = replace(machine.settings, node="n2", siem=Siem(file=tmp_path / "own.jsonl", begin="oldest"))
    all_of_them = Siem(file=tmp_path / "all.jsonl", begin="oldest", nodes="all")
    outputs = Outputs(replace(other, siem=all_of_them, data=tmp_path / "d2"), Told())
    own = Outputs(replace(other, data=tmp_path / "d3", audit=machine.settings.audit), Told())
    for one in (outputs, own):
        one.start()
    try:
        until(lambda: (tmp_path / "all.jsonl").exists() and len(lines(tmp_path / "all.jsonl")) == 1)
        facts: Callable[[], SiemFacts] = lambda: own.facts()["file"]  # noqa: E731
        until(lambda: facts()["up"])
    finally:
        own.stop(10)
        outputs.stop(10)
    assert lines(tmp_path / "own.jsonl") == []


# The file


def event(number: int) -> Event:
    return own_event("n1", "siem.store_away", 1_763_784_000_000_000_000 + number, "x" * 200, success=False)


def written(folder: Path) -> list[int]:
    """Return the numbers of all events in all files, the oldest first; every line is whole."""
    paths = sorted(folder.glob("e.jsonl*"), key=lambda path: -int(path.suffix[1:]) if path.suffix != ".jsonl" else 0)
    found = [json.loads(text) for path in paths for text in path.read_text().splitlines(keepends=True)]
    return [int(one["id"].rpartition("/")[2]) - 1_763_784_000_000_000_000 for one in found]


def test_the_file_is_rotated_between_lines_and_the_oldest_goes(tmp_path: Path) -> None:
    file = LinesFile(tmp_path / "e.jsonl", max_bytes=4_096, kept=2)
    for number in range(60):
        file.look()
        file.write([event(number)])
    file.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["e.jsonl", "e.jsonl.1", "e.jsonl.2"]
    assert all(path.stat().st_size <= 4_096 for path in tmp_path.iterdir())
    found = written(tmp_path)
    assert found == list(range(60 - len(found), 60))
    assert len(found) > 10
    assert (tmp_path / "e.jsonl").stat().st_mode & 0o777 == 0o640


def test_half_a_line_that_a_crash_left_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    file = LinesFile(path, max_bytes=1 << 20, kept=2)
    file.look()
    file.write([event(1)])
    file.close()
    with path.open("ab") as half:
        half.write(b'{"id": "half' + b"x" * 100_000)
    file.look()
    file.write([event(2)])
    file.close()
    assert written(tmp_path) == [1, 2]


def test_a_file_that_somebody_moved_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    file = LinesFile(path, max_bytes=1 << 20, kept=2)
    for number in range(2):
        file.look()
        file.write([event(number)])
        path.rename(tmp_path / f"e.jsonl.{2 - number}")
    file.look()
    file.write([event(2)])
    file.close()
    assert written(tmp_path) == [0, 1, 2]


def test_a_gap_that_a_crash_left_costs_no_file(tmp_path: Path) -> None:
    file = LinesFile(tmp_path / "e.jsonl", max_bytes=4_096, kept=3)
    (tmp_path / "e.jsonl.1").write_bytes(b"")
    (tmp_path / "e.jsonl.3").write_text("kept\n")
    number = 0
    while not (tmp_path / "e.jsonl.2").exists():
        file.look()
        file.write([event(number)])
        number += 1
    file.close()
    assert (tmp_path / "e.jsonl.3").read_text() == "kept\n"


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    first, second = (LinesFile(tmp_path / "e.jsonl", max_bytes=4_096, kept=1) for _ in range(2))
    first.look()
    with pytest.raises(SiemError, match="another process"):
        second.look()
    first.close()
    second.look()
    second.close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "e.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SiemError, match=r"e\.jsonl"):
        LinesFile(tmp_path / "e.jsonl", max_bytes=4_096, kept=1).look()
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_folder_that_is_not_there_is_told_and_then_found(machine: Machine, tmp_path: Path) -> None:
    told = Told()
    path = tmp_path / "later" / "e.jsonl"
    do(machine, "session.sign_in")
    with telling(machine, Siem(file=path, begin="oldest"), told):
        assert "later" in told.wait_for("siem.file_away")
        path.parent.mkdir()
        told.wait_for("siem.file_back")
        until(lambda: len(lines(path)) == 1)


def test_marks_that_are_damaged_tell_the_week_again(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    do(machine, "session.sign_in")
    (machine.data / "siem").mkdir()
    (machine.data / "siem" / "file.json").write_text('{"now": 1, "fl')
    with telling(machine, Siem(file=path)):
        until(lambda: path.exists() and len(lines(path)) == 1)
    assert os.listdir(machine.data / "siem") == ["file.json"]  # noqa: PTH208 - with hidden ones


# The settings


@pytest.mark.parametrize(
    ("siem", "place"),
    [
        (Siem(parse_collector("tcp://siem.example:601")), "siem.syslog"),
        (Siem(parse_collector("tcp://siem.example:601"), ca=Path("x")), "siem.ca"),
        (Siem(parse_collector("tls://siem.example"), certificate=Path("x")), "siem.certificate"),
        (Siem(parse_collector("tls://siem.example"), key=Path("x")), "siem.key"),
        (Siem(file=Path("x"), server_name="a"), "siem.server_name"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, siem: Siem, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(tmp_path, siem=siem)
    assert place in [name for name, _ in caught.value.problems]


def test_plain_text_to_others_needs_a_word(tmp_path: Path) -> None:
    siem = Siem(parse_collector("tcp://siem.example"), insecure=True)
    assert str(Settings(tmp_path, siem=siem).siem.syslog) == "tcp://siem.example:601"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tls://siem.example", "tls://siem.example:6514"), ("tls://[::1]", "tls://[::1]:6514"),
        ("tcp://127.0.0.1:514", "tcp://127.0.0.1:514"), ("unix:/run/log.sock", "unix:/run/log.sock"),
    ],
)  # fmt: skip
def test_addresses(text: str, meant: str) -> None:
    assert str(parse_collector(text)) == meant


@pytest.mark.parametrize(
    "text",
    ["", "siem.example:6514", "udp://siem:514", "tls://", "tls://a:0", "tls://a:x", "unix:", "tls://::1", "http://a"],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_collector(text)


# A collector of others

RSYSLOG = """
global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}" workDirectory="{folder}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="all" type="list") {{
  constant(value="{{") property(outname="host" name="hostname" format="jsonf") constant(value=",")
  property(outname="kind" name="msgid" format="jsonf") constant(value=",")
  property(outname="priority" name="pri" format="jsonf") constant(value=",")
  property(outname="data" name="structured-data" format="jsonf") constant(value=",")
  property(outname="text" name="msg" format="jsonf") constant(value="}}\\n")
}}
input(type="imtcp" port="0" listenPortFileName="{folder}/port")
action(type="omfile" file="{folder}/out" template="all")
"""


def test_rsyslog_understands_it(machine: Machine, authority: tuple[Authority, Path], tmp_path: Path) -> None:
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    if program is None or not list(Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so")):
        missing("rsyslog with OpenSSL (Debian: rsyslog, rsyslog-openssl)")
    bank, ca = authority
    certificate, key = bank.server().write(tmp_path, "rsyslog")
    own, own_key = bank.issue("node-1").write(tmp_path, "node")
    config = tmp_path / "rsyslog.conf"
    config.write_text(RSYSLOG.format(ca=ca, certificate=certificate, key=key, folder=tmp_path))
    process = subprocess.Popen(
        [program, "-n", "-f", str(config), "-i", str(tmp_path / "pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    out = tmp_path / "out"
    try:
        until(lambda: (tmp_path / "port").exists() and (tmp_path / "port").read_text().strip().isdigit())
        address = parse_collector(f"tls://127.0.0.1:{(tmp_path / 'port').read_text().strip()}")
        do(machine, "session.sign_in", reason='客户说"加急"[]')
        do(machine, *(f"grant.ask{n}" for n in range(100)))
        with telling(machine, Siem(address, ca=ca, certificate=own, key=own_key, begin="oldest")):
            until(lambda: out.exists() and len(out.read_text(encoding="utf-8").splitlines()) == 101)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    first, *others = lines(out)
    assert (first["host"], first["kind"], first["priority"]) == ("n1", "session.sign_in", str(13 * 8 + 6))
    assert '[details@32473 reason="客户说\\"加急\\"[\\]"]' in first["data"]
    assert first["text"].removeprefix("\ufeff") == "session.sign_in by 王芳: done"
    assert [found["kind"] for found in others] == [f"grant.ask{n}" for n in range(100)]


# The service


def test_a_service_tells_what_it_does_and_what_it_shows(authority: tuple[Authority, Path], tmp_path: Path) -> None:
    bank, ca = authority
    write_policies(tmp_path)
    with receiving(Receiver(tls(tmp_path, bank.server()))) as receiver:
        config = (
            f"workers: 1\ndrain_seconds: 0\nnode: n1\nsiem:\n  syslog: tls://127.0.0.1:{receiver.port}\n  ca: {ca}\n"
            "  decisions: medium\n  file: events.jsonl\n"
        )
        service = Operated(tmp_path, config)
        try:
            call(service.address, SENIOR)
            found = receiver.wait_for(lambda found: "decision" in kinds(found))
            policy = tmp_path / "policies" / "policy.yaml"
            put(policy, policy.read_text().replace("subject.level", "subject.levle"))
            found = receiver.wait_for(lambda found: "policy.refused" in kinds(found))
            wait_for(lambda: service.metric("pdp_siem_sent_total", output="syslog") >= len(found))
            assert service.metric("pdp_siem_up", output="file") == 1
            assert "siem" in service.command("--interval", "0").stdout
            receiver.end()
            wait_for(lambda: service.metric("pdp_snapshot_alarm", alarm="siem.syslog_away") == 1)
            receiver.begin()
            found = receiver.wait_for(lambda found: {"alarm.raised", "alarm.over"} <= set(kinds(found)))
        finally:
            assert service.end() == 0
        found = receiver.wait_for(lambda found: "service.stopped" in kinds(found))
    decision = next(message for message in found if message.kind == "decision")
    assert (decision.elements["decision"]["shown"], decision.severity) == ("name:C1,mobile:C2", 5)
    refused = next(message for message in found if message.kind == "policy.refused")
    assert "has errors" in refused.elements["details"]["reason"]
    assert "service.started" in kinds(found)
    ids = {message.facts["id"] for message in found}
    assert {one["id"] for one in lines(tmp_path / "events.jsonl")} == ids
