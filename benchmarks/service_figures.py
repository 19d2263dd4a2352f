"""What a run leaves behind as plain data: medians, ratios within rounds, and how they stand to the aims."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from service_dialects import BATCH, BATCH_ITEMS, UNARY
from service_load import Run
from service_paced import PacedRun
from service_plan import PLAIN, RECORDS

# What aims are judged at.
CONNECTIONS = 8

Json = dict[str, Any]


class Turn(NamedTuple):
    """What one server showed in the closed loop."""

    kind: str
    connections: int
    key: str
    run: Run


def summarise(
    closed: Iterable[Turn], paced: Mapping[str, Sequence[PacedRun]], labels: Mapping[str, str], base: str
) -> tuple[list[Json], list[Json]]:
    """Return a row for each (kind, connections, server), and one for each server at a steady rate.

    Ratios are to the server with the key `base`.
    """
    groups: dict[tuple[str, int], dict[str, list[Run]]] = {}
    for turn in closed:
        groups.setdefault((turn.kind, turn.connections), {}).setdefault(turn.key, []).append(turn.run)
    closed_names = ("p50_ms", "p99_ms", "behind_s", "load_cpu_us", "foreign")
    rows = [
        {"kind": kind, "connections": connections, "key": key, "label": labels[key]}
        | _figures(runs, ("rate", "cpu_us"), by_key[base])
        | {name: _median(runs, name) for name in closed_names}
        | {"runs": [_rounded(run) for run in runs]}
        for (kind, connections), by_key in groups.items()
        for key, runs in by_key.items()
    ]
    paced_names = ("rate", "p50_ms", "p999_ms", "max_ms", "late_p99_ms", "behind_s", "load_cpu_us", "foreign")
    paced_rows = [
        {"key": key, "label": labels[key]}
        | _figures(runs, ("cpu_us", "p99_ms"), paced[base])
        | {name: _median(runs, name) for name in paced_names}
        | {"runs": [_rounded(run) for run in runs]}
        for key, runs in paced.items()
    ]
    return rows, paced_rows


_Aim = tuple[str, str, float, str, float]
"""English, Chinese, what was measured, its sense and its limit."""


def judge(result: Json) -> list[Json]:
    """Return the aims of what was measured. A transport is judged with as many workers as gave it the most."""
    books = result["books"]
    wanted: list[_Aim] = []
    if PLAIN in books:
        wanted += _plain_aims(books[PLAIN], f"{result['plan']['pace']['rate']:,}")
    if RECORDS in books:
        wanted += _record_aims(by_key(books[RECORDS], UNARY))
    return [
        {
            "en": en, "zh": zh, "value": round(value, 3), "sense": sense, "limit": round(limit, 3),
            "met": value >= limit if sense == "≥" else value <= limit,
        }
        for en, zh, value, sense, limit in wanted
    ]  # fmt: skip


def _plain_aims(plain: Json, rate: str) -> list[_Aim]:
    unary, batch = by_key(plain, UNARY), by_key(plain, BATCH)
    paced = {row["key"]: row for row in plain["paced"]}
    native, grpc = (_best(unary, transport) for transport in ("native", "grpc"))
    return [
        ("native: requests/s", "native：每秒请求数", native["rate_ratio"], "≥", 6),
        ("native: CPU a request", "native：每请求 CPU", native["cpu_us_ratio"], "≤", 1 / 7),
        ("grpcio: requests/s", "grpcio：每秒请求数", grpc["rate_ratio"], "≥", 1.2),
        ("grpcio: CPU a request", "grpcio：每请求 CPU", grpc["cpu_us_ratio"], "≤", 0.75),
        (
            f"native: batches of {BATCH_ITEMS} a second", f"native：每秒 {BATCH_ITEMS} 项批次数",
            batch[native["key"]]["rate_ratio"], "≥", 12,
        ),
        *(
            (f"{name}: p99 at {rate}/s", f"{name}：每秒 {rate} 次时 p99", paced[row["key"]]["p99_ms_ratio"], "≤", 1)
            for name, row in (("native", native), ("grpcio", grpc))
        ),
        (
            "native ×1: requests/s, against its echo", "native ×1：每秒请求数，与其回声服务相比",
            _ratio(unary["native-1"], unary["echo-native"], "rate"), "≥", 0.6,
        ),
    ]  # fmt: skip


def _record_aims(recorded: Mapping[str, Json]) -> list[_Aim]:
    return [
        (
            f"{name} with snapshots: requests/s, against Cerbos with its audit log",
            f"{name} 带快照：每秒请求数，与带审计日志的 Cerbos 相比",
            _best(recorded, transport)["rate_ratio"], "≥", least,
        )
        for name, transport, least in (("native", "native", 5), ("grpcio", "grpc", 1))
        if any(key.startswith(f"{transport}-") for key in recorded)
    ]  # fmt: skip


def by_key(book: Json, kind: str, connections: int = CONNECTIONS) -> dict[str, Json]:
    """Return a book's rows of one kind over so many connections, by the server's key."""
    rows = (row for row in book["rows"] if (row["kind"], row["connections"]) == (kind, connections))
    return {row["key"]: row for row in rows}


def _figures(runs: Sequence[Run | PacedRun], names: Sequence[str], base: Sequence[Run | PacedRun]) -> Json:
    """Return the median of each figure, and of its ratio to the base's, taken round by round."""
    found: Json = {}
    for name in names:
        found[name] = _median(runs, name)
        pairs = zip(runs, base, strict=True)
        found[f"{name}_ratio"] = round(statistics.median(getattr(a, name) / getattr(b, name) for a, b in pairs), 4)
    return found


def _ratio(row: Json, base: Json, name: str) -> float:
    return statistics.median(float(a[name]) / float(b[name]) for a, b in zip(row["runs"], base["runs"], strict=True))


def _median(runs: Sequence[Run | PacedRun], name: str) -> float:
    return round(statistics.median(float(getattr(run, name)) for run in runs), 4)


def _rounded(run: Run | PacedRun) -> Json:
    return {name: round(getattr(run, name), 4) for name in type(run).__slots__}


def _best(rows: Mapping[str, Json], transport: str) -> Json:
    return max((row for key, row in rows.items() if key.startswith(f"{transport}-")), key=lambda row: row["rate"])
