"""Measures the record of decisions: writing it, bringing it into a store, asking for it, verifying it, and its size.

`make bench-snapshots` runs it in full, with 10 million rows in each store, which takes about an hour and 50 GB of disk;
`--rows 200000` is for a busy machine, `--no-pages` leaves out what needs many rows and takes minutes, and `--quick` is
a smoke test whose figures mean little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import snapshots_fill as fill
import snapshots_pages as pages
import snapshots_proofs as proofs
import snapshots_stores as stores
import snapshots_writing as writing
from report import machine, write_json
from service_usage import Meter
from snapshots_report import Aim, show
from workers import once

from pdp.snapshot.ship import BATCH
from pdp.snapshot.store import open_writer

_RESULT = Path(__file__).resolve().parent / "results" / "snapshots.json"
BATCHES = (1, 10, 64, 100, 1_000)
NODES = 2
TOGETHER = f"postgres-{NODES}-nodes"
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do: `rows` in each store over `days`, seconds for each rate, rounds for each page or none at all.

    `spooled` is how many records of each worker a node's shipper brings into a store. `jobs` are the processes that
    verify together; None for as many as the command takes.
    """

    rows: int
    days: int
    seconds: float
    rounds: int
    verified: int
    taken: int
    spooled: int
    jobs: int | None


FULL = Plan(10_000_000, 30, 5.0, 25, 1_000_000, BATCH, 300_000, None)
QUICK = Plan(4_000, 3, 0.05, 5, 1_500, 200, 6_000, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and repeats: a smoke test")
    parser.add_argument("--rows", type=int, help=f"rows in each store (default: {FULL.rows:,})")
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="only this store (default: both)")
    parser.add_argument("--folder", type=Path, help="where to put the stores (default: the system's temporary folder)")
    parser.add_argument("--no-pages", action="store_true", help="only writing, taking and verifying")
    parser.add_argument("--out", type=Path, help=f"the JSON file to write (default: {_RESULT}, or one beside it)")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    if options.rows is not None:
        plan = replace(plan, rows=options.rows)
    if options.no_pages:
        plan = replace(plan, rounds=0, verified=min(plan.verified, 100_000))
    out = options.out or (_RESULT.with_stem("snapshots-no-pages") if options.no_pages else _RESULT)
    kinds = (options.store,) if options.store else ("sqlite", "postgres")
    load, meter = os.getloadavg(), Meter([])
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = run(plan, kinds, Path(folder))
    noise = round(meter.stop().foreign, 2)
    result = {"machine": machine(load) | {"foreign_cores": noise}, "quick": options.quick, **result}
    write_json(out, result)
    show(result)
    print(f"written to {out}")
    return 0


def run(plan: Plan, kinds: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Measure everything; return it as plain data."""
    spool = once(writing.spool, str(folder / "spool"), BATCHES, plan.seconds)
    _tell("spool measured")
    result: dict[str, Any] = {
        "rows": plan.rows,
        "spool": spool,
        "columns": once(writing.draw_columns, plan.seconds),
        "taking": {},
        "shipping": {},
        "pages": {},
        "bytes": {"spool": writing.spooled_bytes(folder / "spool")},
        "verify": once(proofs.verify, str(folder / "verify"), plan.verified, plan.jobs),
    }
    result["bytes"] |= result["verify"].pop("bytes")
    _tell("verification measured")
    for kind in kinds:
        with stores.started(kind, folder / kind) as store:
            result["taking"][kind] = once(writing.take, store.url, plan.seconds, plan.taken)
            if kind == "postgres":
                together = once(writing.take_together, store.url, NODES, max(2, round(6 * plan.seconds)), plan.taken)
                result["taking"][TOGETHER] = together
            spooled = str(folder / f"{kind}-spool")
            result["shipping"][kind] = once(writing.ship, store.url, spooled, WORKERS, plan.spooled)
        _tell(f"{kind}: taking and shipping measured")
        if not plan.rounds:
            continue
        with stores.started(kind, folder / f"{kind}-rows") as store:
            result["pages"][kind], result["bytes"][kind] = _ask(store, plan)
    result["aims"] = [aim.to_json() for aim in _aims(result)]
    return result


def _ask(store: stores.Started, plan: Plan) -> tuple[list[dict[str, Any]], float]:
    wanted = fill.parts(plan.rows, plan.days)
    writer = open_writer(store.url)
    fill.ship_models(writer, wanted)
    writer.close()
    before = store.bytes()
    store.fill(wanted)
    rows = sum(part.rows for part in wanted)
    _tell(f"{store.kind}: {rows:,} rows made")
    found = pages.measure(store.url, pages.questions(wanted), store.make_cold, plan.rounds)
    _tell(f"{store.kind}: pages measured")
    return found, round((store.bytes() - before) / max(1, rows - len(wanted) * fill.MODELS), 1)


def _aims(result: dict[str, Any]) -> Iterator[Aim]:
    yield Aim("spool, records a second, 100 at once", result["spool"]["100"]["per_second"], 50_000, "/s", least=True)
    if "postgres" in result["shipping"]:
        rate = result["shipping"]["postgres"]["per_second"]
        yield Aim(
            f"shipped to PostgreSQL by a node of {WORKERS} workers, records a second", rate, 40_000, "/s", least=True
        )
    for kind, limit in (("postgres", 100.0), ("sqlite", 300.0)):
        for clock in ("cold_ms", "warm_ms"):
            if asked := [row for row in result["pages"].get(kind, ()) if row["aimed"]]:
                slowest = max(asked, key=lambda row: row[clock])
                label = f"{kind}, slowest page, {clock.removesuffix('_ms')} ({slowest['key']})"
                yield Aim(label, slowest[clock], limit, "ms")
    rate = result["verify"]["all-chain"]["per_second"]
    yield Aim("chain and tree verified as the command does it, records a second", rate, 200_000, "/s", least=True)


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
