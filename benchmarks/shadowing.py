"""Measures what comparing calls with another revision adds to them, in CPU time of one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from samples import NOW

from pdp.engine.program import Program
from pdp.server.grants import GrantTable
from pdp.server.shadow import MAX_WAITING, Beside, Comparison
from pdp.v1 import bundle_pb2

_SHARES = (0.1, 1.0)


def measure(
    live: bundle_pb2.SignedBundle, beside: bundle_pb2.SignedBundle, payloads: list[bytes], rounds: int
) -> dict[str, Any]:
    """Return microseconds of a call: without a comparison, and what it adds by the share of calls that is compared.

    `answering` is the part that the call itself is kept waiting for; the rest is done by a thread afterwards.
    """
    program, table, other = Program.from_bundle(live), GrantTable(), Beside(beside)

    def alone() -> None:
        for payload in payloads:
            program.decide(payload, NOW)

    def compared(share: float) -> tuple[Callable[[], None], Comparison]:
        comparison = Comparison(program, other, share, table)

        def run() -> None:
            for start in range(0, len(payloads), MAX_WAITING):
                for payload in payloads[start : start + MAX_WAITING]:
                    comparison.decide(payload, NOW, None, None)
                for _ in comparison.steps():
                    pass

        return run, comparison

    def answering() -> None:
        for start in range(0, len(payloads), MAX_WAITING):
            comparison = Comparison(program, other, 1.0, table)
            for payload in payloads[start : start + MAX_WAITING]:
                comparison.decide(payload, NOW, None, None)

    runs: dict[str, Callable[[], None]] = {"alone": alone, "answering": answering}
    comparisons = {}
    for share in _SHARES:
        runs[f"{share:.0%}"], comparisons[share] = compared(share)
    best = dict.fromkeys(runs, float("inf"))
    # In turn, so that a busy neighbour slows all alike.
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - begun)
    micros = {name: seconds / len(payloads) * 1e6 for name, seconds in best.items()}
    facts = comparisons[1.0].facts()
    assert facts["compared"] == len(payloads) * rounds
    assert not facts["failed"]
    return {
        "call_us": round(micros["alone"], 2),
        "answering_added_us": round(micros["answering"] - micros["alone"], 2),
        **{f"added_us_at_{share:.0%}": round(micros[f"{share:.0%}"] - micros["alone"], 2) for share in _SHARES},
        "differing": round(facts["differing"] / facts["compared"], 3),
    }
