"""The zygote of a real `pdp serve`: whose children are whose, what they inherit, and what happens when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pdp.server import zygote
from pdp.server.launch import launch_process, launch_shipper
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc
from tests.faults.service import Service, running, wait_for
from tests.processes import SHIPPER, WORKER, ZYGOTE, descendants, pause


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(Service(tmp_path_factory.mktemp("zygote"))) as service:
        yield service


def test_workers_and_the_shipper_are_children_of_the_zygote(service: Service) -> None:
    assert service.popen is not None
    (parent,) = service.children(ZYGOTE)
    children = {*service.children(WORKER), *service.children(SHIPPER)}
    assert len(children) == 3
    assert set(descendants(parent)) == children
    assert set(descendants(service.popen.pid)) == {parent, *children}


def test_a_child_has_the_descriptors_that_it_was_given_and_no_others(service: Service) -> None:
    assert service.popen is not None
    (parent,) = service.children(ZYGOTE)
    for pid in (parent, *service.children(WORKER), *service.children(SHIPPER)):
        assert [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1)] == [os.devnull] * 2
    assert _sockets(parent) & _sockets(service.popen.pid) == set()
    for pid in service.children(WORKER):
        assert not _sockets(pid) & _sockets(parent)


def test_a_child_that_was_killed_is_replaced_by_another_fork(service: Service) -> None:
    (parent,) = service.children(ZYGOTE)
    killed = service.children(WORKER)[0]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: [pid for pid in service.children(WORKER) if pid != killed][1:], "another worker")
    wait_for(lambda: service.entries("worker.died"), "its end in the log")
    assert service.entries("worker.died")[0]["how"] == "signal SIGKILL"
    assert service.children(ZYGOTE) == [parent]
    assert _decided(service)


def test_without_the_zygote_children_go_on_and_new_ones_are_programs(tmp_path: Path) -> None:
    with running(Service(tmp_path, workers=1)) as service:
        (worker,), (parent,) = service.children(WORKER), service.children(ZYGOTE)
        os.kill(parent, signal.SIGKILL)
        (gone,) = wait_for(lambda: service.entries("zygote.gone"), "the end of the zygote in the log")
        assert gone["children"] == 2
        assert Path(f"/proc/{worker}").exists()
        assert _decided(service)

        os.kill(worker, signal.SIGKILL)
        # The killed one may still be in the list of processes.
        (other,) = wait_for(
            lambda: [pid for pid in service.children(WORKER) if pid != worker], "a worker that was started as a program"
        )
        assert b"pdp.server.worker" in Path(f"/proc/{other}/cmdline").read_bytes().split(b"\0")
        (ended,) = service.entries("worker.died")
        assert ended["how"] == "ended, nobody saw how"
        wait_for(lambda: service.entries("worker.started")[1:], "its start in the log")
        assert _decided(service)
        service.stop()


def test_a_supervisor_that_was_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(Service(tmp_path)) as service:
        assert service.popen is not None
        watched = [os.pidfd_open(pid) for pid in descendants(service.popen.pid)]
        assert len(watched) == 4
        service.kill_supervisor()
        for handle in watched:
            wait_for(lambda handle=handle: _has_ended(handle), "the end of a child")
            os.close(handle)


def test_a_zygote_that_stands_still_does_not_hold_the_stop_up(tmp_path: Path) -> None:
    with running(Service(tmp_path, workers=1)) as service:
        (parent,) = service.children(ZYGOTE)
        pause([parent])
        service.stop()
        assert not Path(f"/proc/{parent}").exists()


async def launched(made: zygote.Zygote) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        await made.launch("worker", launch_process, theirs)


def test_a_zygote_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "BIRTH_SECONDS", 0.05)
    control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent = subprocess.Popen(["sleep", "1000"])
    with other:
        made = zygote.Zygote(control, silent.pid)
        with pytest.raises(OSError, match="did not answer"):
            asyncio.run(launched(made))
        silent.wait(30)  # it was ended
        made.close()  # which is no matter any more


def test_a_process_with_threads_does_not_fork() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with zygote.launching() as launchers:
            assert launchers == (launch_process, launch_shipper)
    finally:
        over.set()
        thread.join()


def _decided(service: Service) -> bool:
    request = decision_service_pb2.DecideRequest(
        subject={"id": "T1"}, resource={"type": "customer", "id": "C1"}, action={"name": "query"}, fields=["mobile"]
    )  # fmt: skip
    with grpc.insecure_channel(service.address) as channel:
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        return len(stub.Decide(request, timeout=30, wait_for_ready=True).verdicts) == 1


def _sockets(pid: int) -> set[str]:
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link for link in links if link.startswith("socket:")}


def _has_ended(handle: int) -> bool:
    try:
        signal.pidfd_send_signal(handle, 0)
    except ProcessLookupError:
        return True
    return False
