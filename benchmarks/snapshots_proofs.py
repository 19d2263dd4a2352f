"""How fast records are verified, and how small an archive of them is."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from snapshots_rows import DAY_NANOS, FIRST_DAY, NODE, Bodies, make, stream_of
from snapshots_writing import Watch

from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.archive import write_archive
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.evidence.verify import verify as verify_store
from pdp.snapshot.store import open_reader, open_writer

_STREAMS = 4


def verify(folder: str, records: int, jobs: int | None) -> dict[str, Any]:
    """Return the rates of verifying a SQLite store without and with its columns, and of writing an archive of it.

    `chain` and `deep` are of one process, `all-chain` and `all-deep` of `jobs`; None is for as many as the command
    takes by itself.
    """
    place = Path(folder)
    place.mkdir()
    url = f"sqlite:{place / 'snapshots.db'}"
    keys = _fill(url, place / "keys", records)
    found: dict[str, Any] = {}
    with closing(open_reader(url)) as reader:
        for name, deep in (("chain", False), ("deep", True)):
            watch = Watch()
            report = verify_store(reader, keys, deep=deep)
            found[name] = watch.stop(report.records).to_json()
            assert report.is_complete, report.findings
            watch = Watch()
            report = verify_store(reader, keys, deep=deep, reopen=partial(open_reader, url), jobs=jobs)
            found[f"all-{name}"] = watch.stop(report.records).to_json()
            assert report.is_complete, report.findings
        watch = Watch()
        made = write_archive(reader, "long", FIRST_DAY, place / "archive", keys)
        found["archive"] = watch.stop(made.records).to_json()
        found["bytes"] = {"archive": round(made.path.stat().st_size / made.records, 1)}
    return found


def _fill(url: str, folder: Path, records: int) -> TrustedKeys:
    bodies, key = Bodies("verify"), NodeKey.load_or_create(folder)
    with closing(open_writer(url)) as writer:
        checkpointer = Checkpointer(
            writer, NODE, key, "sha256", [], lambda: (FIRST_DAY + 1) * DAY_NANOS,
            folder=folder, alarm=lambda event, words: None,
        )  # fmt: skip
        states = []
        for number in range(_STREAMS):
            made = make(stream_of("long", FIRST_DAY, number), records // _STREAMS, bodies)
            writer.take(made.records, [made.state])
            states.append(made.state)
        checkpointer.tick(states)
    return TrustedKeys.of(key)
