"""The folder without Python that `make desktop` makes: built, and used from an empty environment on a real X server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from admin_gui.services.embedded import command_line
from admin_gui.services.texts import IN_FORCE
from admin_gui.theme import LIGHT
from jingxi_client._gen.pdp.v1 import (
    decision_service_pb2,
    decision_service_pb2_grpc,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
    types_pb2,
)
from tests.integration.needs import missing

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
_LOOK_SECONDS = 0.1
SCREEN = "1400x900x24"
LINES = 25
"""Numbers at the beginning of a picture that the X server keeps in a file; the 20th counts colours of 12 bytes."""


def test_the_service_is_started_by_the_interpreter_or_by_the_program_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_line() == [sys.executable, "-P", "-m", "pdp.cli"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/pdp-admin/pdp-admin")
    assert command_line() == ["/opt/pdp-admin/pdp"]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The folder, made anew."""
    for program, package in (("objdump", "binutils"), ("Xvfb", "xvfb")):
        if shutil.which(program) is None:
            missing(f"{program} (Debian package {package})")
    done = subprocess.run(
        ["make", "desktop", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "desktop" / "pdp-admin"


@dataclass(frozen=True)
class Place:
    """Where a program runs that knows nothing of this repository."""

    home: Path
    screen: Path
    environment: dict[str, str]

    def found(self, name: str) -> Path | None:
        """Return a file of the embedded service's folder, once it is there."""
        return next(self.home.glob(f"jx-*/{name}"), None)

    def shows(self, color: str) -> int:
        """Return how many points of the screen have a colour."""
        picture = self.screen.read_bytes()
        numbers = struct.unpack(f">{LINES}I", picture[: LINES * 4])
        points = picture[numbers[0] + numbers[19] * 12 :]
        # Four bytes a point, blue first, the last one unused.
        return points.count(bytes.fromhex(color.removeprefix("#"))[::-1])


@pytest.fixture
def place() -> Iterator[Place]:
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="jx") as home, tempfile.TemporaryDirectory(prefix="jx") as pictures:
        yield from _on_a_screen(Path(home), Path(pictures))


def _on_a_screen(home: Path, pictures: Path) -> Iterator[Place]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-fbdir", str(pictures), "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as told:
            display = told.readline().strip()
        environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        yield Place(home, pictures / "Xvfb_screen0", environment | {"DISPLAY": f":{display}"})
        server.terminate()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_command_line_checks_and_tells_of_itself(folder: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [folder / "pdp", *arguments], env={"PATH": "/usr/bin:/bin"}, cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("--version").startswith("pdp ")
    assert "91 rules, 0 errors" in run("check", str(folder / "_internal" / "policies"))
    told = (folder / "NOTICE.txt").read_text(encoding="utf-8")
    for package in ("PySide6_Essentials", "grpcio", "cel-expr-python", "cryptography", "google-re2", "python"):
        assert f"\n{package} " in told
        assert list((folder / "LICENCES" / package).iterdir()), package
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (folder / "LICENCES/PySide6_Essentials/LGPL-3.0.txt").read_text()
    libraries = {file.name for file in (folder / "_internal" / "PySide6" / "Qt" / "lib").iterdir()}
    assert "libQt6Widgets.so.6" in libraries
    assert not {name for name in libraries if "Qml" in name or "Quick" in name or "WebEngine" in name}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_sample_bank_is_decided_and_nothing_stays_behind(folder: Path, place: Place) -> None:
    arguments = ["--demo", "--lang", "zh", "--theme", "light"]
    with _running(folder, [folder / "pdp-admin", *arguments], place) as process:
        _until(lambda: place.found("data/staff.sock") is not None and place.found("ready") is not None, process)
        # Verdicts are drawn in colours that no other screen has so much of.
        _until(lambda: place.shows(LIGHT.masked) > 200, process)
        _decide(place)
        data = place.found("data")
        proof = subprocess.run(
            [folder / "pdp", "snapshot", "verify", "--data", str(data), "--jobs", "2"], env=place.environment, cwd="/",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert proof.returncode == 0, proof.stdout + proof.stderr
        assert len(_processes(folder)) >= 4
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert _processes(folder) == {}
    assert place.found("data") is None


@contextmanager
def _running(folder: Path, command: list[str | Path], place: Place) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=place.environment, cwd="/", stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            for left in _processes(folder):
                os.kill(left, signal.SIGKILL)


def _decide(place: Place) -> None:
    """Ask the embedded service for a decision of each scenario, so that there is something on record."""
    ready, sock = place.found("ready"), place.found("data/staff.sock")
    assert ready is not None
    address = json.loads(ready.read_text(encoding="utf-8"))["address"]
    with grpc.insecure_channel(f"unix:{sock}") as staff, grpc.insecure_channel(address) as channel:
        simulation = simulation_service_pb2_grpc.SimulationServiceStub(staff)
        told = simulation.DescribePolicies(
            simulation_service_pb2.DescribePoliciesRequest(text=IN_FORCE), timeout=PATIENCE
        )
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        effects = set()
        for case in told.bundle.golden_cases[:40]:
            request = decision_service_pb2.DecideRequest.FromString(case.request)
            effects |= {verdict.effect for verdict in stub.Decide(request, timeout=PATIENCE).verdicts}
        assert {types_pb2.EFFECT_MASK, types_pb2.EFFECT_UNMASK} <= effects


def _processes(folder: Path) -> dict[int, str]:
    """Return the processes that run a program of the folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                program = (entry / "exe").readlink()
            except OSError:  # it has ended, or is somebody else's
                continue
            if program.is_relative_to(folder):
                found[int(entry.name)] = str(program)
    return found


def _until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "nothing was shown"
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"the program has ended with {process.wait(_LOOK_SECONDS)}")
