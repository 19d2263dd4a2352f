"""Judges texts of policy sets: what is wrong in one, what bundle it makes, and how it differs from another.

All of it is work for the processor, done in threads. The bundles of the last texts are kept, for the same few are asked
about again and again: a draft, and the revision that it was begun from.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from pdp.control import sources
from pdp.control.changes import compare
from pdp.control.revisions import Judgement
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.errors import GoldenCaseError, PolicyError
from pdp.lang.analyse import Progress, steps
from pdp.lang.check import check
from pdp.lang.diagnostics import Diagnostic, Diagnostics, Severity
from pdp.lang.loader import load_texts
from pdp.lang.resolved import ResolvedSet
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.server.messages import MessageMaps
from pdp.v1 import bundle_pb2, control_pb2

T = TypeVar("T")

_THREADS: Final = 2
_KEPT: Final = 8
_KEPT_BYTES: Final = 64 * 1024 * 1024
_MAX_NAMED = 3


class Examined(NamedTuple):
    """What was found in a text; `signed` is its unsigned bundle, None when there are errors.

    `failure` says which scenarios of its own it does not meet; empty when it meets all.
    """

    diagnostics: Sequence[Diagnostic]
    signed: bundle_pb2.SignedBundle | None
    failure: str = ""


class PolicyJudge:
    """A `pdp.control.revisions.Judge`; safe to share between tasks and threads."""

    def __init__(self) -> None:
        """Make the threads: few, and its own, so that however many ask, nobody else waits for one."""
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="judge")
        self._bundles: OrderedDict[str, bundle_pb2.SignedBundle] = OrderedDict()
        self._lock = threading.Lock()

    async def __call__(self, text: control_pb2.Sources, base: control_pb2.Sources | None) -> Judgement:
        """Return what a text makes and how it differs from its base. Raises PolicyError and GoldenCaseError."""
        return await self._run(lambda: self._judge(text, base))

    async def examine(self, text: control_pb2.Sources, *, analyse: bool) -> Examined:
        """Return what is wrong in a text; `analyse` also looks for shadowed, conflicting and overlapping rules."""
        return await self._run(lambda: self._examine(text, analyse=analyse))

    def examining(self, text: control_pb2.Sources) -> Generator[Progress, None, Examined]:
        """Do what `examine` with `analyse` does in the thread of whoever asks, and yield how far it is.

        Whoever closes it gives the rest up.
        """
        policy_set, diagnostics = load_texts(sources.texts(text))
        found = check(policy_set, diagnostics, analyse=False)
        if found is None:
            return Examined(diagnostics.sorted(), None)
        diagnostics.add((yield from steps(found)))
        return self._tried(text, found, diagnostics)

    async def bundle(self, text: control_pb2.Sources) -> bundle_pb2.SignedBundle:
        """Return the unsigned bundle of a text, be its own scenarios met or not. Raises PolicyError."""
        return await self._run(lambda: self._built(text))

    async def resolved(self, text: control_pb2.Sources) -> ResolvedSet:
        """Return a text resolved. Raises PolicyError."""
        return await self._run(lambda: _resolved(text))

    async def compare(self, before: control_pb2.Sources | None, after: control_pb2.Sources) -> control_pb2.Changes:
        """Return how two texts differ; where one has errors, by line alone."""
        return await self._run(lambda: self._compare(before, after))

    def has_tried(self, bundle_hash: str) -> bool:
        """Whether a bundle of this hash was compiled lately, and met its golden cases."""
        with self._lock:
            return any(signed.hash == bundle_hash for signed in self._bundles.values())

    def close(self) -> None:
        """Let go of the threads; what has not begun is given up."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _judge(self, text: control_pb2.Sources, base: control_pb2.Sources | None) -> Judgement:
        signed = self._known(text)
        if signed is None:
            found = self._examine(text, analyse=False)
            signed = found.signed
            if signed is None:
                raise PolicyError(_errors(found.diagnostics), found.diagnostics)
            if found.failure:
                raise GoldenCaseError(found.failure)
        return Judgement(signed, self._compare(base, text))

    def _built(self, text: control_pb2.Sources) -> bundle_pb2.SignedBundle:
        return self._known(text) or bundle.build(_resolved(text))

    def _examine(self, text: control_pb2.Sources, *, analyse: bool) -> Examined:
        policy_set, diagnostics = load_texts(sources.texts(text))
        found = check(policy_set, diagnostics, analyse=analyse)
        return Examined(diagnostics.sorted(), None) if found is None else self._tried(text, found, diagnostics)

    def _tried(self, text: control_pb2.Sources, found: ResolvedSet, diagnostics: Diagnostics) -> Examined:
        """Return what is wrong in a text that resolves, once its own scenarios were tried."""
        signed = bundle.build(found)
        trial = GrantTable()
        program = Program.from_bundle(signed, grants=trial)
        try:
            golden.verify(program, trial)
        except GoldenCaseError as error:
            return Examined(diagnostics.sorted(), signed, str(error))
        MessageMaps(program)
        self._keep(text, signed)
        return Examined(diagnostics.sorted(), signed)

    def _compare(self, before: control_pb2.Sources | None, after: control_pb2.Sources) -> control_pb2.Changes:
        return compare(before, after, bundle_before=self._bundle(before), bundle_after=self._bundle(after))

    def _bundle(self, text: control_pb2.Sources | None) -> bundle_pb2.Bundle | None:
        """Return the bundle of a text; None when it has errors, which an old one may have in a new program."""
        if text is None or not text.files:
            return None
        signed = self._known(text) or self._examine(text, analyse=False).signed
        return None if signed is None else bundle.parse(signed)

    def _known(self, text: control_pb2.Sources) -> bundle_pb2.SignedBundle | None:
        name = sources.digest(text)
        with self._lock:
            if name not in self._bundles:
                return None
            self._bundles.move_to_end(name)
            return self._bundles[name]

    def _keep(self, text: control_pb2.Sources, signed: bundle_pb2.SignedBundle) -> None:
        with self._lock:
            self._bundles[sources.digest(text)] = signed
            while len(self._bundles) > _KEPT or sum(len(one.bundle) for one in self._bundles.values()) > _KEPT_BYTES:
                self._bundles.popitem(last=False)


def _resolved(text: control_pb2.Sources) -> ResolvedSet:
    policy_set, diagnostics = load_texts(sources.texts(text))
    found = check(policy_set, diagnostics, analyse=False)
    if found is None:
        listed = diagnostics.sorted()
        raise PolicyError(_errors(listed), listed)
    return found


def _errors(diagnostics: Sequence[Diagnostic]) -> str:
    errors = [item for item in diagnostics if item.severity is Severity.ERROR]
    named = "; ".join(f"{item.span}: {item.message}" for item in errors[:_MAX_NAMED])
    more = len(errors) - _MAX_NAMED
    return f"the text has errors: {named}; and {more} more" if more > 0 else f"the text has errors: {named}"
