"""Measures the service under load: `pdp serve` on each transport beside Cerbos and beside echoes of fixed bytes.

Once without records of decisions, and once with them: snapshots beside Cerbos' audit log. `make bench-service` runs it
in full, which takes up to half an hour, and writes the figures, a plot and the tables of docs/guides/performance.md.
`--native-records` measures the native transport with snapshots beside Cerbos with its audit log and nothing else, in
some two minutes. `--quick` is a smoke test whose figures mean little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import service_candidates as candidates
from policy_sets import RuleSet, portable
from report import machine, write_json
from rich.console import Console
from samples import samples
from service_candidates import MissingError
from service_dialects import BATCH, BATCH_ITEMS, UNARY, Question, Verdicts
from service_figures import judge
from service_plan import FULL, NATIVE_RECORDS, QUICK, RECORDS, Plan
from service_plot import plot
from service_records import file_system
from service_report import PAGES, show, write_pages
from service_servers import BenchmarkError
from service_turns import Expected, Turns

_RESULT = Path(__file__).resolve().parent / "results" / "service.json"
_FAILED, _MISSING = 1, 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one second of everything: a smoke test")
    parser.add_argument(
        "--native-records", action="store_true", help="only native with snapshots beside Cerbos with its log"
    )
    parser.add_argument("--out", type=Path, help=f"the JSON file to write (default: {_RESULT}, or one beside it)")
    parser.add_argument("--cerbos", type=Path, metavar="PROGRAM", help="this Cerbos instead of the newest from npm")
    parser.add_argument("--pages", action="store_true", help="measure nothing: write the tables from the JSON file")
    options = parser.parse_args()
    in_part = options.native_records
    out = options.out or (_RESULT.with_stem("service-native-records") if in_part else _RESULT)
    if options.pages:
        write_pages(out)
        return 0
    plan = NATIVE_RECORDS if in_part else QUICK if options.quick else FULL
    load = os.getloadavg()
    try:
        tools = {"h2load": candidates.find_h2load()}
        binary, tools["cerbos"] = candidates.find_cerbos(options.cerbos)
        disk = candidates.find_disk()
        with tempfile.TemporaryDirectory(dir=disk) as folder:
            measured = run(plan, binary, Path(folder))
    except MissingError as error:
        print(error, file=sys.stderr)
        return _MISSING
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return _FAILED
    result = {"machine": machine(load), "tools": tools, "disk": file_system(disk), "quick": options.quick, **measured}
    write_json(out, result)
    if not in_part:
        out.with_suffix(".svg").write_text(plot(result), encoding="utf-8")
    show(Console(), result)
    print(f"written to {out}")
    if not options.quick and out == _RESULT:
        write_pages(out)
        print(f"and to {', '.join(page.name for page in PAGES.values())}")
    return 0


def run(plan: Plan, binary: Path, folder: Path) -> dict[str, Any]:
    """Measure one book after the other, with equal verdicts in all of them; return the figures as plain data."""
    rule_set = portable(plan.rules)
    policies = folder / "policies"
    _write(rule_set, policies)
    questions: dict[str, list[Question]] = {
        UNARY: [[sample] for sample in samples(rule_set, plan.compared)],
        BATCH: _batches(rule_set, plan.rounds),
    }
    expected: Expected = {}
    books = {}
    for book in plan.books:
        records = book.key == RECORDS
        serving = [
            candidates.cerbos(binary, rule_set, folder, records=records),
            *candidates.ours(plan.workers, policies, folder, records=records, transports=plan.transports),
        ]
        turns = Turns(book, plan, questions, folder, expected)
        books[book.key] = turns.measure(serving, partial(candidates.echoes, folder=folder, logs=folder))
    result = {
        "plan": asdict(plan),
        "equal": {
            kind: {"requests": len(found), "verdicts": _count(found), "unmasked": _count(found, unmasked=True)}
            for kind, found in expected.items()
        },
        "books": books,
    }
    return result | {"aims": judge(result)}


def _write(rule_set: RuleSet, folder: Path) -> None:
    for name, text in rule_set.texts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _batches(rule_set: RuleSet, count: int) -> list[Question]:
    found = samples(rule_set, count * BATCH_ITEMS)
    return [found[start : start + BATCH_ITEMS] for start in range(0, len(found), BATCH_ITEMS)]


def _count(found: Sequence[list[Verdicts]], *, unmasked: bool = False) -> int:
    return sum(sum(one) if unmasked else len(one) for answer in found for one in answer)


if __name__ == "__main__":
    raise SystemExit(main())
