"""What the demonstration left in the record: the decisions that showed the most, and whether all of it is unchanged."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_service import PATIENCE, ServiceError

FLAGGED = "flagged"
DECISIONS = 'kind == "decision"'
_NEWEST = 5
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """A decision as its record tells it; `resource` is the resource's type and the beginning of its keyed hash."""

    id: str
    subject: str
    action: str
    resource: str
    level: str
    shown: tuple[str, ...]
    approver: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one node: how many there are, how many of them are flagged, the newest of those, and all."""

    decisions: int
    flagged: int
    newest: tuple[Record, ...]
    by_id: Mapping[str, Record]


def read(listing: Callable[[str], Sequence[Any]], decisions: int) -> Records:
    """Return a node's records once so many decisions have reached its store. Raises ServiceError.

    `listing` returns those that meet a filter, newest first.
    """
    end = time.monotonic() + PATIENCE
    while len(found := listing(DECISIONS)) < decisions:
        if time.monotonic() > end:
            raise ServiceError(f"{len(found)} of {decisions} decisions are in the store after {PATIENCE:.0f} s")
        # Who asks all the time takes the time of who brings them there.
        time.sleep(_PAUSE)
    flagged = listing(FLAGGED)
    by_id = {record.id: record for record in map(_record, found)}
    return Records(len(found), len(flagged), tuple(map(_record, flagged[:_NEWEST])), by_id)


def _record(snapshot: Any) -> Record:
    facts = snapshot["facts"]
    shown = [verdict for verdict in snapshot.get("verdicts", ()) if verdict["effect"] == "EFFECT_UNMASK"]
    key = base64.b64decode(snapshot["resourceKey"]).hex()
    return Record(
        id=snapshot["decisionId"],
        subject=facts["subject"]["id"],
        action=facts["action"]["name"],
        resource=f"{facts['resource']['type']} #{key[:8]}",
        level=max((verdict["level"] for verdict in shown), default=""),
        shown=tuple(field for verdict in shown for field in verdict["fields"]),
        approver=", ".join(grant.get("approver") or grant["kind"] for grant in snapshot.get("grants", ())),
    )


def verify(folders: Sequence[Path], languages: Sequence[str]) -> Mapping[str, str]:
    """Return what verification says of the stores of stopped nodes, by language. Raises ServiceError when something is
    wrong.
    """
    # Side by side: each is a process of its own, which takes longer to start than to verify.
    with ThreadPoolExecutor(len(folders) * len(languages)) as threads:
        running = {
            language: [threads.submit(_pdp, "snapshot", "verify", "--data", str(data), "--lang", language)
                       for data in folders]
            for language in languages
        }  # fmt: skip
        return {language: "\n".join(one.result().strip() for one in each) for language, each in running.items()}


def _pdp(*arguments: str) -> str:
    """Run a command of `pdp` and return what it prints. Raises ServiceError."""
    command = [sys.executable, "-m", "pdp.cli", *arguments]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False
    )
    if done.returncode:
        raise ServiceError(f"`pdp {' '.join(arguments)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
