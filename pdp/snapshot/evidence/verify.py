"""Whether the records of a store or an evidence file are those that were recorded: all, unchanged, in their order.

What is compared: each record with its chain value; each chain with the heads in its node's signed checkpoints (count,
chain value, root of the tree); each checkpoint with its signature, its number, the hash of the one before, and its
copies elsewhere; and, unless left out, the columns for searching with the record. So

- a record that is changed, deleted, inserted or moved breaks its chain, and is named;
- whoever also mends the numbers or works out the later chain values anew is betrayed by the signed heads;
- whoever also deletes or rewrites checkpoints is betrayed by their numbers, hashes and signatures;
- whoever cuts off the newest records *and* the newest checkpoints leaves a store that is whole and merely older: only
  the copies of the checkpoints show it. The same holds for a whole store put back to an earlier day.

What it cannot show: that a record was right when it was written; what happens to records between the last checkpoint
and now; and anything done by whoever holds a node's signing key and can change the copies too.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from pdp.errors import EvidenceError
from pdp.lang.model import Label
from pdp.signing import TrustedKeys
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.evidence.classify import classify
from pdp.snapshot.evidence.findings import Finding, Kind
from pdp.snapshot.evidence.heads import Copies, NodeHeads, StreamHeads, read_heads
from pdp.snapshot.evidence.passes import Source, check_in_process, check_stream, processors, start_process
from pdp.snapshot.evidence.stream_check import Observed
from pdp.snapshot.store.base import StreamState
from pdp.values import NANOS

_DAY = 86_400 * NANOS
_BATCH = 1_000
_LAST = 2**63
_POLL_SECONDS = 0.2
WORTH_PROCESSES: Final = 50_000
"""So many records are worth the start of processes when their number is not told."""


class Progress(NamedTuple):
    """How far verification has come; `total` is about, as a store grows meanwhile."""

    checkpoints: int
    records: int
    total: int
    streams: int
    total_streams: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `records` were read, `unsigned` of them are later than the last checkpoint.

    `dropped` are records that retention ended, of which only the signed heads are left.
    """

    findings: tuple[Finding, ...]
    nodes: int
    streams: int
    records: int
    unsigned: int
    checkpoints: int
    dropped_streams: int
    dropped: int
    deep: bool
    cancelled: bool
    seconds: float

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings without those that are for information."""
        return tuple(finding for finding in self.findings if finding.is_fault)

    @property
    def is_complete(self) -> bool:
        """Whether everything is there, and nothing changed."""
        return not self.cancelled and not self.faults

    @property
    def sentence(self) -> Label:
        """The result in words."""
        zh = f"{self.records} 条记录、{self.streams} 条链、{self.checkpoints} 个检查点"
        chains, checkpoints = _many(self.streams, "chain"), _many(self.checkpoints, "checkpoint")
        en = f"{_many(self.records, 'record')} in {chains}, {checkpoints}"
        if self.cancelled:
            return Label(f"未完成：已核对{zh}", f"not finished: checked {en}")
        if self.faults:
            count = len(self.faults)
            return Label(f"发现 {count} 处问题：{zh}", f"{count:,} {'fault' if count == 1 else 'faults'} found: {en}")
        return Label(f"完整，未发现改动：{zh}", f"complete, nothing changed: {en}")

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "complete": self.is_complete, "cancelled": self.cancelled, "deep": self.deep, "nodes": self.nodes,
            "streams": self.streams, "records": self.records, "unsigned": self.unsigned,
            "checkpoints": self.checkpoints, "dropped_streams": self.dropped_streams, "dropped": self.dropped,
            "seconds": round(self.seconds, 3), "sentence": {"zh": self.sentence.zh, "en": self.sentence.en},
            "findings": [finding.plain() for finding in self.findings],
        }  # fmt: skip


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@dataclass(frozen=True, slots=True)
class _Task:
    state: StreamState
    heads: StreamHeads | None


def verify(
    source: Source,
    trusted: TrustedKeys,
    copies: Sequence[Path] = (),
    *,
    deep: bool = True,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    jobs: int | None = 1,
    reopen: Callable[[], Source] | None = None,
) -> Report:
    """Return what is wrong with a source, or that nothing is.

    `copies` are folders or files of checkpoints from other places. `deep` compares the columns for searching too. With
    `reopen`, which other processes open the source with, streams are verified in `jobs` processes; None means as many
    as there are processors, where that is worth their start. The report is the same with any number of them. Raises
    EvidenceError when a file or a copy cannot be read, StoreError when the store is away.
    """
    report = _Verifying(source, trusted, copies, deep, progress, cancelled).run(jobs, reopen)
    if report.is_complete and hasattr(source, "check_intact"):
        source.check_intact()
    return report


class _Verifying:
    def __init__(
        self,
        source: Source,
        trusted: TrustedKeys,
        copies: Sequence[Path],
        deep: bool,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._source, self._trusted, self._deep = source, trusted, deep
        self._tell, self._cancelled = progress, cancelled
        self._drawn = ColumnCache() if deep else None
        self._whole = getattr(source, "whole", True)
        self._copies = Copies(copies)
        self._nodes: dict[str, NodeHeads] = {}
        self._findings: list[Finding] = []
        self._dropped: list[StreamState] = []
        self._again: list[tuple[_Task, Observed]] = []
        self._checkpoints = self._records = self._total = self._streams = self._total_streams = 0

    def run(self, jobs: int | None, reopen: Callable[[], Source] | None) -> Report:
        begun = time.monotonic()
        self._read_checkpoints()
        # After the checkpoints, so that all they speak of is there.
        states = self._source.streams()
        tasks = self._plan(states)
        self._total, self._total_streams = sum(task.state.count for task in tasks), len(tasks)
        self._progress()
        if jobs is None:
            # Without the columns a record takes a small part of the time.
            worth = WORTH_PROCESSES if self._deep else 5 * WORTH_PROCESSES
            jobs = processors() if self._total >= worth else 1
        jobs = min(jobs, len(tasks))
        if jobs > 1 and reopen is not None:
            self._in_processes(tasks, jobs, reopen)
        else:
            self._in_turn(tasks)
        stopped = self._cancelled()
        if not stopped:
            self._look_again()
            self._strays()
        self._findings.sort(key=_order)
        return Report(
            findings=tuple(self._findings),
            nodes=len(self._nodes.keys() | {state.key.node for state in states}),
            streams=self._streams,
            records=self._records,
            unsigned=sum(_length(finding) for finding in self._findings if finding.kind is Kind.AFTER_CHECKPOINT),
            checkpoints=self._checkpoints,
            dropped_streams=len(self._dropped),
            dropped=sum(state.count for state in self._dropped),
            deep=self._deep,
            cancelled=stopped,
            seconds=time.monotonic() - begun,
        )

    def _read_checkpoints(self) -> None:
        for node, found in groupby(self._source.checkpoints(), key=lambda row: row[0]):
            self._read_node(node, self._counted(found))
        for node in sorted(self._copies.nodes() - self._nodes.keys()) if self._whole else ():
            self._read_node(node, iter(()))

    def _read_node(self, node: str, found: Iterator[tuple[str, int, bytes]]) -> None:
        heads, findings = read_heads(
            node, found, self._trusted, self._copies, whole=self._whole, cancelled=self._cancelled
        )
        self._nodes[node] = heads
        self._findings += findings

    def _counted(self, found: Iterator[tuple[str, int, bytes]]) -> Iterator[tuple[str, int, bytes]]:
        for row in found:
            self._checkpoints += 1
            if self._checkpoints % _BATCH == 0:
                self._progress()
            yield row

    def _plan(self, states: Sequence[StreamState]) -> list[_Task]:
        """Return the streams to read, and find what the lists of streams and heads alone tell."""
        tasks: list[_Task] = []
        known: set[StreamKey] = set()
        for state in states:
            known.add(state.key)
            node = self._nodes.get(state.key.node)
            heads = node.streams.get(state.key) if node else None
            if state.dropped:
                self._check_dropped(state, heads)
            elif state.count or heads:
                tasks.append(_Task(state, heads))
                self._check_known(state, node, heads)
        for name in sorted({task.state.key.node for task in tasks} - self._nodes.keys()):
            detail = Label(
                "该节点没有任何检查点；刚启动的请等待第一个",
                "it has none at all; if it has just started, wait for its first",
            )
            self._findings.append(Finding(Kind.CHECKPOINT_MISSING, name, detail=detail))
        for name, node in self._nodes.items() if self._whole else ():
            for key in sorted(node.streams.keys() - known):
                told = node.streams[key].last.size
                detail = Label(f"曾有 {told} 条记录", f"it had {told} records")
                self._findings.append(Finding(Kind.STREAM_MISSING, name, key, detail=detail))
        return tasks

    def _check_dropped(self, state: StreamState, heads: StreamHeads | None) -> None:
        self._dropped.append(state)
        if heads is None:
            detail = Label("标为已删除，但没有检查点提到它", "it is marked as dropped, but no checkpoint speaks of it")
            self._findings.append(Finding(Kind.STREAM_MISSING, state.key.node, state.key, detail=detail))
        elif (heads.closed_at, heads.last.size, heads.last.chain) != (state.count, state.count, state.chain):
            detail = Label(
                "标为已删除，但与最后签名的状态不符",
                "it is marked as dropped, but not as it was when it was last signed",
            )
            self._findings.append(Finding(Kind.ROOT_MISMATCH, state.key.node, state.key, detail=detail))

    def _check_known(self, state: StreamState, node: NodeHeads | None, heads: StreamHeads | None) -> None:
        # A stream that is shipped late is signed within seconds; two days on it has been there at no checkpoint.
        if node is not None and heads is None and node.last_nanos > (state.key.day + 2) * _DAY:
            detail = Label("其日期之后已有检查点", "there are checkpoints of days after it")
            self._findings.append(Finding(Kind.STREAM_ADDED, state.key.node, state.key, detail=detail))

    def _in_turn(self, tasks: Sequence[_Task]) -> None:
        for task in tasks:
            begun = self._records

            def grown(count: int, begun: int = begun) -> bool:
                self._records = begun + count
                self._progress()
                return self._cancelled()

            seen = check_stream(self._source, task.state.key, task.heads, drawn=self._drawn, grown=grown)
            if self._cancelled():
                return
            self._take(task, seen)

    def _in_processes(self, tasks: Sequence[_Task], jobs: int, reopen: Callable[[], Source]) -> None:
        context = multiprocessing.get_context("spawn")
        count, stop = context.Value("q", 0), context.Value("b", 0)
        # The longest first, so that no process is left with one at the end.
        waiting = sorted(tasks, key=lambda task: task.state.count, reverse=True)
        with ProcessPoolExecutor(jobs, context, start_process, (reopen, self._deep, count, stop)) as pool:
            running: dict[Future[Observed], _Task] = {}
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * jobs:
                        task = waiting.pop(0)
                        running[pool.submit(check_in_process, task.state.key, task.heads)] = task
                    done, _ = wait(running, _POLL_SECONDS, FIRST_COMPLETED)
                    self._records = count.value
                    self._progress()
                    if self._cancelled():
                        return
                    for future in done:
                        self._take(running.pop(future), future.result())
            except BrokenProcessPool as error:
                raise EvidenceError("a verifying process was killed; try again with `--jobs 1`") from error
            finally:
                stop.value = 1

    def _take(self, task: _Task, seen: Observed) -> None:
        self._streams += 1
        if seen.size != task.state.count:
            # The store grew or dropped it meanwhile, or it was changed.
            self._again.append((task, seen))
        else:
            self._findings += classify(seen, task.heads, task.state)
        self._progress()

    def _look_again(self) -> None:
        now = {state.key: state for state in self._source.streams()} if self._again else {}
        for task, seen in self._again:
            state = now.get(task.state.key, task.state)
            if state.dropped:
                self._check_dropped(state, task.heads)
            elif seen.size < task.state.count:
                self._findings += classify(seen, task.heads, task.state)
            else:
                self._findings += classify(seen, task.heads, state if state.count < seen.size else None)

    def _strays(self) -> None:
        strays = getattr(self._source, "strays", None)
        count = strays() if strays else 0
        if count:
            detail = Label(f"{count} 条记录不属于任何链", f"{count} records belong to no chain")
            self._findings.append(Finding(Kind.ADDED, "", detail=detail))

    def _progress(self) -> None:
        self._tell(
            Progress(
                self._checkpoints, self._records, max(self._total, self._records), self._streams, self._total_streams
            )
        )


def _length(finding: Finding) -> int:
    return (finding.last or 0) - (finding.sequence or 0) + 1


def _order(finding: Finding) -> tuple[bool, str, bool, Any, int, int]:
    return (
        not finding.is_fault,
        finding.node,
        finding.stream is not None,
        finding.stream or (),
        _LAST if finding.sequence is None else finding.sequence,
        finding.checkpoint or 0,
    )
