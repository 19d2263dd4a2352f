"""Those who take part in the differential test: a program for each language, and the real service.

A language's program is `decide-lines`: it gets `--bundle FILE`, reads one question a line and answers each (the form is
in clients/python/tests/decide_lines.py). Where it is not built, the language is left out with a reason.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import grpc

from pdp.v1 import bundle_pb2, decision_service_pb2, decision_service_pb2_grpc
from pdp.values import NANOS
from tests.clients import toolchains

CLIENTS = toolchains.CLIENTS
PATIENCE = 60.0


@dataclass(frozen=True)
class Question:
    """A serialized DecideRequest, the time in nanoseconds since 1970, and the grants that exist."""

    request: bytes
    now: int
    grants: tuple[bundle_pb2.Grant, ...]


Answer = decision_service_pb2.DecideResponse | str
"""What was decided, or why nothing was."""


class Participant(Protocol):
    """Decides questions by one bundle."""

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer for each."""


class Program:
    """A `decide-lines` of some language."""

    def __init__(self, command: Sequence[str], bundle: Path) -> None:
        self._process = subprocess.Popen(
            [*command, "--bundle", str(bundle)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            encoding="utf-8",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer for each; a program that does not answer in time is ended."""
        watch = threading.Timer(PATIENCE + len(questions) * 0.05, self._process.kill)
        watch.start()
        writer = threading.Thread(target=self._write, args=(questions,))
        writer.start()
        try:
            assert self._process.stdout is not None
            return [_answer_of(self._process.stdout.readline()) for _ in questions]
        finally:
            watch.cancel()
            writer.join()

    def _write(self, questions: Sequence[Question]) -> None:
        assert self._process.stdin is not None
        for question in questions:
            asked: dict[str, object] = {"request": _text(question.request), "now_nanos": str(question.now)}
            if question.grants:
                asked["grants"] = [_text(grant.SerializeToString()) for grant in question.grants]
            self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()


class Service:
    """The real service: Explain decides as Decide does, for any time."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target)
        self._stub = decision_service_pb2_grpc.DecisionServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer for each; the grants of the questions must be those of the service."""
        return [self._ask(question) for question in questions]

    def _ask(self, question: Question) -> Answer:
        asked = decision_service_pb2.ExplainRequest(
            request=decision_service_pb2.DecideRequest.FromString(question.request)
        )
        asked.now.seconds, asked.now.nanos = divmod(question.now, NANOS)
        try:
            return self._stub.Explain(asked, timeout=PATIENCE).decision
        except grpc.RpcError as error:
            return str(error.details())


def commands(scratch: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return how each language's program is started, and for the others why they are left out."""
    found: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for language, find in _FINDERS.items():
        command = find(scratch)
        if isinstance(command, str):
            missing[language] = command
        else:
            found[language] = command
    return found, missing


def _python(_: Path) -> list[str] | str:
    return [sys.executable, str(CLIENTS / "python" / "tests" / "decide_lines.py")]


def _go(scratch: Path) -> list[str] | str:
    source = CLIENTS / "go" / "internal" / "cmd" / "decide-lines"
    go = shutil.which("go")
    if go is None or not source.is_dir():
        return "Go or clients/go/internal/cmd/decide-lines is not here"
    built = scratch / "decide-lines-go"
    done = subprocess.run(
        [go, "build", "-o", str(built), "./internal/cmd/decide-lines"], cwd=CLIENTS / "go", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return [str(built)] if done.returncode == 0 else f"clients/go does not build: {done.stderr[-300:]}"


def _java(_: Path) -> list[str] | str:
    java = shutil.which("java")
    jars = sorted((CLIENTS / "java").glob("**/target/decide-lines.jar"))
    if java is None or not jars:
        return "clients/java/**/target/decide-lines.jar is not built"
    return [java, "-jar", str(jars[0])]


def _typescript(_: Path) -> list[str] | str:
    node = shutil.which("node")
    scripts = [
        path
        for ending in ("mjs", "js")
        for path in sorted((CLIENTS / "typescript").glob(f"**/decide-lines.{ending}"))
        if "node_modules" not in path.parts
    ]
    if node is None or not scripts:
        return "clients/typescript/**/decide-lines.js is not built"
    return [node, str(scripts[0])]


_FINDERS: Mapping[str, Callable[[Path], list[str] | str]] = {
    "python": _python,
    "go": _go,
    "java": _java,
    "typescript": _typescript,
}


def _answer_of(line: str) -> Answer:
    if not line:
        return "the program ended"
    said = json.loads(line)
    if "response" not in said:
        return f"error: {said.get('error')}"
    return decision_service_pb2.DecideResponse.FromString(base64.b64decode(said["response"]))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
