"""A process that writes a spool until it is killed or done: what the tests cut off in the middle.

Each append that returned is noted in the file `acks`, by one write of its ids in a line; refused ones are not.
"""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path

from pdp.errors import SpoolError
from pdp.snapshot.spool import Spool, SpoolLimits, segment, writer
from tests.unit.spools import body


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("acks", type=Path)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--appends", type=int, default=1_000_000_000)
    parser.add_argument("--segment-bytes", type=int, default=60_000)
    parser.add_argument("--checkpoint-pages", type=int, default=24)
    parser.add_argument("--refusals", type=int, default=1_000_000_000)
    given = parser.parse_args()
    segment.CHECKPOINT_PAGES = given.checkpoint_pages
    writer.REST_SECONDS = 0.0
    randomness = random.Random(given.seed)
    acks = os.open(given.acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    limits = SpoolLimits(segment_bytes=given.segment_bytes, second_folder=given.second, reserve_bytes=262_144)
    spool = Spool(given.folder, node="n1", limits=limits)
    refusals = number = 0
    for _ in range(given.appends):
        names = [f"{spool.boot}-{number + index}" for index in range(randomness.randint(1, 9))]
        number += len(names)
        records = [
            (randomness.choice(["short", "medium", "long"]), body(name, randomness.randint(0, 900))) for name in names
        ]
        try:
            spool.append(records)
        except SpoolError:
            refusals += 1
            if refusals >= given.refusals:
                break
        else:
            os.write(acks, (" ".join(names) + "\n").encode())
    spool.close()


if __name__ == "__main__":
    main()
