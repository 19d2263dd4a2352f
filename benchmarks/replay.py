"""Measures what is done about a policy change before it is in force, in CPU time of one core.

`make bench-replay` runs it in seven minutes or so: recorded decisions made again by a draft (`pdp policy impact`), two
policy sets compared (`pdp policy diff`), and calls compared with another revision beside the live one.

Of the replays, `varied` has no two records alike and `repeats` each request 20 times, as busy counters do; both by the
set that decided. `menu` and `bank-wide` are the varied records by a draft that changes one menu or rules of the whole
bank, `sample` is the sample bank. `many` are varied records too, five times as many, and `most` 25 times as many, which
is what an analysis takes at most: what has to be worked out once weighs less then. All begin with nothing worked out.
`decide_us` is what a fresh decision of the same requests takes at the same time.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import shadowing
from drafts import bank_wide, built, built_folder, everything, one_menu
from policy_sets import RuleSet, bank
from report import machine, write_json
from samples import NOW, drawn, samples
from service_usage import Meter
from snapshots_rows import FIRST_DAY, chained, stream_of

from pdp.control import changes
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens, where
from pdp.snapshot.recorder import recorder
from pdp.snapshot.replay import analysis
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.cut import cut
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import open_reader, open_writer
from pdp.v1 import bundle_pb2, control_pb2, policy_service_pb2

_RESULT = Path(__file__).resolve().parent / "results" / "replay.json"
_KEYS = ResourceKeys({"k1": b"0" * 32})
_REPEATS = 20
_MANY = 5
_REPLAYS = ("varied", "many", "repeats", "menu", "bank-wide", "sample")
_SCENARIOS = (*_REPLAYS, "most", "comparison", "shadow")
_MOST = 25
_PAGE = 2_000
AIMS = {"replays_per_second": 50_000, "meaning_seconds": 2.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40_000, help="records of each kind (default: %(default)s)")
    parser.add_argument("--rules", type=int, default=10_000, help="changed rules to compare (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many counts (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=_SCENARIOS, default=_SCENARIOS, metavar="NAME",
        help=f"measure these alone and write nothing unless --out is given: {', '.join(_SCENARIOS)}",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help=f"the JSON file to write (default: {_RESULT})")
    options = parser.parse_args()
    load, meter = os.getloadavg(), Meter([])
    rule_set = bank(1_000)
    live, menu, wide = built(rule_set), built(one_menu(rule_set)), built(bank_wide(rule_set))
    sample = built_folder(Path(__file__).parents[1] / "policies")
    replays = {
        "varied": (live, live, _varied, options.records),
        "many": (live, live, _varied, options.records * _MANY),
        "repeats": (live, live, _repeated, options.records),
        "menu": (live, menu, _varied, options.records),
        "bank-wide": (live, wide, _varied, options.records),
        "sample": (sample, sample, _varied, options.records),
    }
    found: dict[str, Any] = {"replays": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in (name for name in _REPLAYS if name in options.only):
            recording, candidate, make, count = replays[name]
            row = measure(recording, candidate, make(count), Path(folder) / name, options.rounds)
            found["replays"][name] = {"records": count} | row
            _show(name, found["replays"][name])
    if "most" in options.only:
        found["replays"]["most"] = measure_alone(live, options.records * _MOST)
        _show("most", found["replays"]["most"])
    if "comparison" in options.only:
        found["comparison"] = compare(bank(options.rules), options.rounds)
        _show("comparison", found["comparison"])
    if "shadow" in options.only:
        found["shadow"] = shadowing.measure(live, wide, _varied(5_000), options.rounds + 2)
        _show("shadow", found["shadow"])
    noise = round(meter.stop().foreign, 2)
    if options.out or set(options.only) == {*_SCENARIOS}:
        out = options.out or _RESULT
        write_json(out, {"machine": machine(load) | {"foreign_cores": noise}, "aims": AIMS, **found})
        print(f"written to {out}")
    print(f"others used {noise} cores meanwhile")
    return 0


def _show(name: str, row: dict[str, Any]) -> None:
    print(f"{name:10} " + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def _varied(count: int) -> list[bytes]:
    return [sample.payload() for sample in samples(bank(1_000), count)]


def _repeated(count: int) -> list[bytes]:
    return [sample.payload() for sample in samples(bank(1_000), max(1, count // _REPEATS))] * _REPEATS


def measure(
    recording: bundle_pb2.SignedBundle,
    candidate: bundle_pb2.SignedBundle,
    payloads: list[bytes],
    folder: Path,
    rounds: int,
) -> dict[str, Any]:
    """Return CPU microseconds of a record and of some parts of them, and replays a second with and without the store.

    A replay begins with nothing but the bundles, as an analysis does.
    """
    program = Program.from_bundle(recording)
    bodies = [*_recorded(recording, payloads)]
    url = f"sqlite:{folder}/snapshots.db"
    writer = open_writer(url)
    made = chained(stream_of("medium", FIRST_DAY), iter(bodies), closed=False)
    writer.take(made.records, [made.state])
    writer.add_bundle(recording.hash, 1, recording.SerializeToString())
    writer.close()
    del made
    reader = open_reader(url)
    asking = Asking(Schema(), Tokens(b"t" * 32), lambda: NOW + 86_400 * 10**9)
    order = analysis.check(asking, policy_service_pb2.AnalyseImpactRequest())
    changed = 0
    _keep()

    def decisions() -> None:
        for payload in payloads:
            program.decide(payload, NOW)

    def pieces() -> None:
        for body in bodies:
            cut(body)

    def replays() -> None:
        replayer = _replayer(recording, candidate)
        for body in bodies:
            replayer.replay(body)

    def read() -> None:
        condition, after, page = where(reader, order.filter), None, [None] * _PAGE
        while len(page) == _PAGE:
            page = reader.select(condition, after=after, oldest_first=False, limit=_PAGE, bare=True)
            after = page[-1].place if page else None

    def whole() -> None:
        nonlocal changed
        *_, last = analysis.analyse(reader, order, candidate)
        assert last.read == len(bodies)
        assert bool(last.changed) is (recording is not candidate)
        changed = last.changed

    parts = {
        "decide_us": decisions, "cut_us": pieces, "replay_us": replays, "read_us": read, "with_store_us": whole,
    }  # fmt: skip
    found: dict[str, Any] = {name: _best(part, rounds, len(bodies)) for name, part in parts.items()}
    reader.close()
    for name in ("replay", "with_store"):
        found[f"{name}_per_second"] = round(1e6 / found[f"{name}_us"])
    return found | {"changed": round(changed / len(bodies), 4)}


def measure_alone(signed: bundle_pb2.SignedBundle, count: int) -> dict[str, Any]:
    """Return CPU microseconds of a record, replayed by the set that recorded it; once, and with few records at a time.

    As in an analysis, a record was read just before.
    """
    bodies = _recorded(signed, (sample.payload() for sample in drawn(bank(1_000), count)))
    _keep()
    begun = time.process_time()
    replayer = _replayer(signed, signed)
    seconds = time.process_time() - begun
    while page := [*islice(bodies, _PAGE)]:
        begun = time.process_time()
        for body in page:
            replayer.replay(body)
        seconds += time.process_time() - begun
    return {
        "records": count, "replay_us": round(seconds / count * 1e6, 2), "replay_per_second": round(count / seconds),
    }  # fmt: skip


def _keep() -> None:
    """Leave what there is out of collections of garbage, as a server does with all that it has when it is ready."""
    gc.collect()
    gc.freeze()


def _replayer(recording: bundle_pb2.SignedBundle, candidate: bundle_pb2.SignedBundle) -> Replayer:
    origin = Origin(bundle.parse(recording))
    return Replayer(Candidate(candidate), lambda _: origin)


def _recorded(signed: bundle_pb2.SignedBundle, payloads: Iterable[bytes]) -> Iterator[bytes]:
    program, notes = Program.from_bundle(signed, recorder=recorder(_KEYS)), Notes()
    for number, payload in enumerate(payloads):
        program.decide(payload, NOW + number * 10**6, None, notes)
        yield from (body for _, body in notes.take())


def compare(rule_set: RuleSet, rounds: int) -> dict[str, Any]:
    """Return CPU seconds of comparing a set with one in which every rule is another: by lines, and by meaning too."""
    sides = [rule_set, everything(rule_set)]
    texts = [_sources(side) for side in sides]
    bundles = [bundle.parse(built(side)) for side in sides]
    told = 0

    def lines() -> None:
        changes.compare(*texts, bundle_before=None, bundle_after=None)

    def both() -> None:
        nonlocal told
        answer = changes.compare(*texts, bundle_before=bundles[0], bundle_after=bundles[1])
        told = len(answer.meaning)

    by_lines, together = (_best(part, rounds, 1) / 1e6 for part in (lines, both))
    assert told == rule_set.size
    return {
        "rules": rule_set.size,
        "lines_seconds": round(by_lines, 3),
        "meaning_seconds": round(together - by_lines, 3),
    }


def _sources(rule_set: RuleSet) -> control_pb2.Sources:
    files = (control_pb2.PolicyFile(path=path, text=text) for path, text in rule_set.texts().items())
    return control_pb2.Sources(files=files)


def _best(part: Callable[[], None], rounds: int, count: int) -> float:
    """Return the CPU microseconds of one of `count` in the best of some rounds."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        part()
        times.append(time.process_time() - begun)
    return round(min(times) / count * 1e6, 2)


if __name__ == "__main__":
    raise SystemExit(main())
