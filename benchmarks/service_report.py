"""What a run leaves behind: figures as plain data, judged by the aims, and as tables on a terminal and in pages."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from service_candidates import CERBOS
from service_dialects import BATCH, BATCH_ITEMS, UNARY
from service_load import Run
from service_paced import PacedRun

_GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
# The pages that hold the tables, by language, between these marks.
PAGES = {"en": _GUIDES / "performance.md", "zh": _GUIDES / "performance.zh-CN.md"}
_BEGIN, _END = "<!-- measured -->\n", "<!-- /measured -->\n"
# What aims are judged at.
CONNECTIONS = 8

Json = dict[str, Any]
# English and Chinese.
Words = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table in two languages; cells are ready to print, the first column is left-aligned."""

    title: Words
    columns: tuple[Words, ...]
    rows: list[tuple[Words | str, ...]]


def summarise(
    closed: Iterable[tuple[str, int, str, Run]],
    paced: Mapping[str, Sequence[PacedRun]],
    labels: Mapping[str, str],
) -> tuple[list[Json], list[Json]]:
    """Return a row for each (kind, connections, server), and one for each server at a steady rate."""
    groups: dict[tuple[str, int], dict[str, list[Run]]] = {}
    for kind, connections, key, run in closed:
        groups.setdefault((kind, connections), {}).setdefault(key, []).append(run)
    rows = [
        {"kind": kind, "connections": connections, "key": key, "label": labels[key]}
        | _figures(runs, ("rate", "cpu_us"), by_key[CERBOS])
        | {name: _median(runs, name) for name in ("load_cpu_us", "foreign")}
        | {"runs": [_rounded(run) for run in runs]}
        for (kind, connections), by_key in groups.items()
        for key, runs in by_key.items()
    ]
    names = ("rate", "p50_ms", "p999_ms", "max_ms", "late_p99_ms", "load_cpu_us", "foreign")
    paced_rows = [
        {"key": key, "label": labels[key]}
        | _figures(runs, ("cpu_us", "p99_ms"), paced[CERBOS])
        | {name: _median(runs, name) for name in names}
        | {"runs": [_rounded(run) for run in runs]}
        for key, runs in paced.items()
    ]
    return rows, paced_rows


def judge(result: Json) -> list[Json]:
    """Return the aims with what was measured. A transport is judged with as many workers as gave it the most."""
    unary, batch, paced = _by_key(result, UNARY), _by_key(result, BATCH), {r["key"]: r for r in result["paced"]}
    native, grpc = (_best(unary, transport) for transport in ("native", "grpc"))
    rate, ours = f"{result['plan']['pace']['rate']:,}", (("native", native), ("grpcio", grpc))
    wanted: list[tuple[str, str, float, str, float]] = [
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
            for name, row in ours
        ),
        (
            "native ×1: requests/s, against its echo", "native ×1：每秒请求数，与其回声服务相比",
            _ratio(unary["native-1"], unary["echo-native"], "rate"), "≥", 0.6,
        ),
    ]  # fmt: skip
    return [
        {
            "en": en, "zh": zh, "value": round(value, 3), "sense": sense, "limit": round(limit, 3),
            "met": value >= limit if sense == "≥" else value <= limit,
        }
        for en, zh, value, sense, limit in wanted
    ]  # fmt: skip


def tables(result: Json) -> list[Table]:
    """Return the figures as tables."""
    plan, memory = result["plan"], {s["key"]: s["resident_bytes"] / 2**20 for s in result["servers"]}
    pace = plan["pace"]
    server: Words = ("server", "服务")
    found = []
    for kind, title in (
        (UNARY, ("One decision a request: 12 fields, 15 attributes", "每请求一次裁决：12 个字段、15 个属性")),
        (BATCH, (f"Batches of {BATCH_ITEMS} customers", f"每批 {BATCH_ITEMS} 位客户")),
    ):
        wide = {count: _by_key(result, kind, count) for count in plan["connections"]}
        judged = wide[CONNECTIONS]
        columns: list[Words] = [
            server,
            *((f"requests/s, {count} conn.", f"每秒请求数，{count} 连接") for count in plan["connections"]),
            ("× Cerbos", "Cerbos 的倍数"),
            ("CPU µs/request", "每请求 CPU 微秒"),
            ("× Cerbos", "Cerbos 的倍数"),
            ("memory MiB", "内存 MiB"),
        ]
        rows: list[tuple[Words | str, ...]] = [
            (
                row["label"],
                *(f"{wide[count][key]['rate']:,.0f}" for count in plan["connections"]),
                f"{row['rate_ratio']:.2f}",
                f"{row['cpu_us']:,.1f}",
                f"{row['cpu_us_ratio']:.3f}",
                f"{memory[key]:,.0f}",
            )
            for key, row in judged.items()
        ]
        found.append(Table(title, tuple(columns), rows))
    steady = Table(
        (f"A steady {pace['rate']:,} requests a second", f"每秒稳定 {pace['rate']:,} 次请求"),
        (
            server, ("p50 ms", "p50 毫秒"), ("p99 ms", "p99 毫秒"), ("× Cerbos", "Cerbos 的倍数"),
            ("p99.9 ms", "p99.9 毫秒"), ("CPU µs/request", "每请求 CPU 微秒"), ("× Cerbos", "Cerbos 的倍数"),
        ),
        [
            (
                row["label"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['p99_ms_ratio']:.2f}",
                f"{row['p999_ms']:.2f}", f"{row['cpu_us']:,.1f}", f"{row['cpu_us_ratio']:.3f}",
            )
            for row in result["paced"]
        ],
    )  # fmt: skip
    aims = Table(
        ("Aims", "目标"),
        (("", ""), ("measured", "实测"), ("aim", "目标"), ("", "")),
        [
            (
                (aim["en"], aim["zh"]), f"{aim['value']:.3g} ×", f"{aim['sense']} {aim['limit']:.3g} ×",
                ("met", "达到") if aim["met"] else ("**missed**", "**未达到**"),
            )
            for aim in result["aims"]
        ],
    )  # fmt: skip
    return [*found, steady, aims]


def circumstances(result: Json) -> list[Words]:
    """Return what the figures depend on, a sentence each."""
    info, tools, equal = result["machine"], result["tools"], result["equal"]
    foreign = [run["foreign"] for row in (*result["rows"], *result["paced"]) for run in row["runs"]]
    usual, worst = statistics.median(foreign), max(foreign)
    h2load = statistics.median(row["load_cpu_us"] for row in result["rows"] if row["kind"] == UNARY)
    late = max(row["late_p99_ms"] for row in result["paced"])
    idle = max(server["idle_cores"] for server in result["servers"])
    before, after = info["load_before"][0], info["load_after"][0]
    requests, batches = equal[UNARY], equal[BATCH]["requests"]
    on = (info["date"][:10], info["cpu"], info["system"], f"Python {info['python']}", f"Cerbos {tools['cerbos']}")
    return [
        _both(
            f"{', '.join(on)}, {tools['h2load']}; {info['cores']} cores.",
            f"{'，'.join(on)}，{tools['h2load']}；{info['cores']} 核。",
        ),
        _both(
            f"Load average {before} before and {after} after. While a server had its turn, everything else on the "
            f"machine used {usual:.2f} cores (median), at worst {worst:.2f}.",
            f"平均负载：之前 {before}，之后 {after}。"
            f"各轮测量期间机器上其他进程占用 {usual:.2f} 核（中位数），最多 {worst:.2f} 核。",
        ),
        _both(
            f"A request cost h2load {h2load:.0f} µs of CPU (median). The open loop was at most {late:.2f} ms behind "
            f"its schedule for 99 in 100 requests. A server without load used at most {idle:.3f} cores.",
            f"每请求耗费 h2load {h2load:.0f} 微秒 CPU（中位数）。开环中 99% 的请求比计划晚发出不超过 {late:.2f} 毫秒。"
            f"无负载的服务最多占用 {idle:.3f} 核。",
        ),
        _both(
            f"All servers gave equal verdicts to {requests['requests']} requests and {batches} batches; of the "
            f"requests' {requests['verdicts']:,} verdicts {requests['unmasked']:,} unmask.",
            f"各服务对 {requests['requests']} 个请求和 {batches} 个批次的裁决完全相同；"
            f"请求的 {requests['verdicts']:,} 个裁决中 {requests['unmasked']:,} 个为明文。",
        ),
    ]


def show(console: Console, result: Json) -> None:
    """Print a result."""
    console.width = max(console.width, 150)
    for sentence, _ in circumstances(result):
        console.print(sentence)
    for table in tables(result):
        drawn = RichTable(title=table.title[0], box=box.SIMPLE, title_justify="left")
        for number, (name, _) in enumerate(table.columns):
            drawn.add_column(name, justify="right" if number else "left")
        for row in table.rows:
            drawn.add_row(*(_in(cell, 0).strip("*") for cell in row))
        console.print(drawn)


def write_pages(path: Path) -> None:
    """Put the tables of a result file into the pages."""
    result = json.loads(path.read_text(encoding="utf-8"))
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        head, rest = text.split(_BEGIN, 1)
        page.write_text(head + _BEGIN + markdown(result, language) + _END + rest.split(_END, 1)[1], encoding="utf-8")


def markdown(result: Json, language: str) -> str:
    """Return what stands in the page of a language, `en` or `zh`."""
    at = ("en", "zh").index(language)
    parts = ["", *(f"- {_in(sentence, at)}" for sentence in circumstances(result))]
    for table in tables(result):
        parts += ["", f"**{_in(table.title, at)}**", ""]
        parts.append(_line(_in(name, at) for name in table.columns))
        parts.append(_line("---:" if number else "---" for number in range(len(table.columns))))
        parts += [_line(_in(cell, at) for cell in row) for row in table.rows]
    return "\n".join([*parts, "", ""])


def _both(english: str, chinese: str) -> Words:
    return english, chinese


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in(words: Words | str, at: int) -> str:
    return words if isinstance(words, str) else words[at]


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


def _by_key(result: Json, kind: str, connections: int = CONNECTIONS) -> dict[str, Json]:
    rows = (row for row in result["rows"] if (row["kind"], row["connections"]) == (kind, connections))
    return {row["key"]: row for row in rows}


def _best(rows: Mapping[str, Json], transport: str) -> Json:
    return max((row for key, row in rows.items() if key.startswith(f"{transport}-")), key=lambda row: row["rate"])
