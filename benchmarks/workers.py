"""Processes that hold what is measured: freshly started, one for each engine and rule set."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from measure import Candidate, Runner, Turn

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker has made ready: candidates by name, and facts about them that can be sent."""

    candidates: dict[str, Candidate]
    facts: dict[str, Any]


class Worker:
    """A process that called `load(*arguments)` and waits for turns."""

    def __init__(self, load: Callable[..., Loaded], *arguments: object) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        # Not a daemon: what it measures may have processes of its own. It ends with the connection.
        self._process = _SPAWN.Process(target=_serve, args=(theirs, load, arguments))
        self._process.start()
        theirs.close()
        self.names: tuple[str, ...]
        self.facts: dict[str, Any]
        self.names, self.facts = self._receive()

    def candidates(self, prefix: str = "") -> dict[str, Callable[[float], Turn]]:
        """Return what `alternate` takes, by prefixed name."""
        return {prefix + name: partial(self._turn, name) for name in self.names}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()  # the worker ends when nobody can ask it any more
        self._process.join()

    def _turn(self, name: str, seconds: float) -> Turn:
        self._connection.send((name, seconds))
        turn: Turn = self._receive()
        return turn

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            raise RuntimeError(f"a worker ended with exit code {code}; its error stands above") from None


def once(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns in a process started for it."""
    with Worker(_call, function, *arguments) as worker:
        return worker.facts["result"]


def _call(function: Callable[..., Any], *arguments: object) -> Loaded:
    return Loaded({}, {"result": function(*arguments)})


def _serve(connection: Connection, load: Callable[..., Loaded], arguments: tuple[object, ...]) -> None:
    loaded = load(*arguments)
    runners = {name: Runner(candidate) for name, candidate in loaded.candidates.items()}
    connection.send((tuple(runners), loaded.facts))
    while True:
        try:
            name, seconds = connection.recv()
        except EOFError:
            return
        connection.send(runners[name].turn(seconds))
