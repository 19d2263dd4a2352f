"""Measures how fast recorded decisions are made again by another policy set (`pdp policy impact`), on one core.

`make bench-replay` runs it in about a minute. `varied` has no two records alike and remembers none; `repeats` has each
request 20 times, as busy counters do. `decide` is what a fresh decision of the same requests takes at the same time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policy_sets import bank
from report import machine, write_json
from samples import NOW, samples
from service_usage import Meter
from snapshots_rows import FIRST_DAY, chained, stream_of

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.lang.check import check_folder
from pdp.lang.resolved import ResolvedSet
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.recorder import recorder
from pdp.snapshot.replay import analysis
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import open_reader, open_writer
from pdp.v1 import bundle_pb2, policy_service_pb2

_RESULT = Path(__file__).resolve().parent / "results" / "replay.json"
_KEYS = ResourceKeys({"k1": b"0" * 32})
_REPEATS = 20
AIM = 50_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40_000, help="records of each kind (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=_RESULT, help="the JSON file to write (default: %(default)s)")
    options = parser.parse_args()
    load, meter = os.getloadavg(), Meter([])
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: measure(signed, payloads, Path(folder) / name, options.rounds)
            for name, signed, payloads in (
                ("varied", _bank(Path(folder)), _varied(options.records)),
                ("repeats", _bank(Path(folder)), _repeated(options.records)),
                ("sample", _built(Path(__file__).parents[1] / "policies"), _varied(options.records)),
            )
        }
    noise = round(meter.stop().foreign, 2)
    write_json(options.out, {"machine": machine(load) | {"foreign_cores": noise}, "aim": AIM, **found})
    for name, row in found.items():
        print(f"{name:8} " + "  ".join(f"{key} {value}" for key, value in row.items()))
    print(f"written to {options.out}; the aim is {AIM:,} replays a second and core")
    return 0


def _bank(folder: Path) -> bundle_pb2.SignedBundle:
    place = folder / "bank"
    for name, text in bank(1_000).texts().items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return _built(place)


def _built(folder: Path) -> bundle_pb2.SignedBundle:
    found = check_folder(folder, analyse=False).resolved
    assert isinstance(found, ResolvedSet)
    return bundle.build(found)


def _varied(count: int) -> list[bytes]:
    return [sample.payload() for sample in samples(bank(1_000), count)]


def _repeated(count: int) -> list[bytes]:
    return [sample.payload() for sample in samples(bank(1_000), max(1, count // _REPEATS))] * _REPEATS


def measure(signed: bundle_pb2.SignedBundle, payloads: list[bytes], folder: Path, rounds: int) -> dict[str, Any]:
    """Return CPU microseconds of each part, and replays a second with and without the store."""
    program = Program.from_bundle(signed)
    bodies = _recorded(signed, payloads)
    url = f"sqlite:{folder}/snapshots.db"
    writer = open_writer(url)
    made = chained(stream_of("medium", FIRST_DAY), iter(bodies), closed=False)
    writer.take(made.records, [made.state])
    writer.add_bundle(signed.hash, 1, signed.SerializeToString())
    writer.close()
    candidate, origin = Candidate(signed), Origin(bundle.parse(signed))

    def replays(*, remembers: bool) -> None:
        replayer = Replayer(candidate, lambda _: origin, remembers=remembers)
        for body in bodies:
            replayer.replay(body)

    def decisions() -> None:
        for payload in payloads:
            program.decide(payload, NOW)

    reader = open_reader(url)
    asking = Asking(Schema(), Tokens(b"t" * 32), lambda: NOW + 86_400 * 10**9)
    request = policy_service_pb2.AnalyseImpactRequest()

    def whole() -> None:
        *_, last = analysis.analyse(reader, analysis.check(asking, request), signed)
        assert last.read == len(bodies)
        assert not last.changed

    parts = {
        "decide_us": decisions,
        "replay_us": lambda: replays(remembers=False),
        "replay_remembering_us": lambda: replays(remembers=True),
        "with_store_us": whole,
    }
    found: dict[str, Any] = {name: _best(part, rounds, len(bodies)) for name, part in parts.items()}
    reader.close()
    for name in ("replay", "replay_remembering", "with_store"):
        found[f"{name}_per_second"] = round(1e6 / found[f"{name}_us"])
    return found


def _recorded(signed: bundle_pb2.SignedBundle, payloads: list[bytes]) -> list[bytes]:
    program, notes = Program.from_bundle(signed, recorder=recorder(_KEYS)), Notes()
    for number, payload in enumerate(payloads):
        program.decide(payload, NOW + number * 10**6, None, notes)
    return [body for _, body in notes.take()]


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
