"""Verification of an evidence file of single records: each by its own proof."""

from __future__ import annotations

import time
from collections.abc import Callable

from pdp.lang.model import Label
from pdp.signing import TrustedKeys
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence.checkpoint import stream_key
from pdp.snapshot.evidence.file import EvidenceFile
from pdp.snapshot.evidence.findings import Finding, Kind
from pdp.snapshot.evidence.proof import ProofReport, verify_proof
from pdp.snapshot.evidence.verify import Progress, Report

_MOST_FINDINGS = 1_000
_STEP = 1_000


def verify_selection(
    file: EvidenceFile,
    trusted: TrustedKeys,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Return whether each record of a selection is what was recorded. Whether any was left out it cannot tell.

    Raises EvidenceError when the file cannot be read.
    """
    begun = time.monotonic()
    findings: list[Finding] = []
    streams: set[StreamKey] = set()
    checkpoints: set[tuple[str, int]] = set()
    count = 0
    stopped = False
    for proof in file.proofs():
        told = verify_proof(proof, trusted)
        count += 1
        streams.add(told.stream)
        checkpoints.add((told.stream.node, told.checkpoint))
        if not told.is_good and len(findings) < _MOST_FINDINGS:
            findings.append(_finding(stream_key(proof.record.stream), told))
        if count % _STEP == 0:
            progress(Progress(len(checkpoints), count, file.records_held, len(streams), len(streams)))
            if cancelled():
                stopped = True
                break
    if not findings and not stopped:
        file.check_intact()
    return Report(
        findings=tuple(findings),
        nodes=len({key.node for key in streams}),
        streams=len(streams),
        records=count,
        unsigned=0,
        checkpoints=len(checkpoints),
        dropped_streams=0,
        dropped=0,
        deep=False,
        cancelled=stopped,
        seconds=time.monotonic() - begun,
    )


def _finding(key: StreamKey, told: ProofReport) -> Finding:
    detail = Label("；".join(p.zh for p in told.problems), "; ".join(p.en for p in told.problems))
    return Finding(Kind.ALTERED, key.node, key, told.sequence, None, told.record_id, told.checkpoint, detail)
