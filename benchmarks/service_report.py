"""A result as tables on a terminal and in the pages of two languages."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from service_dialects import BATCH, BATCH_ITEMS, UNARY
from service_figures import CONNECTIONS, Json, by_key
from service_plan import PLAIN, RECORDS

_GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
# The pages that hold the tables, by language, between these marks.
PAGES = {"en": _GUIDES / "performance.md", "zh": _GUIDES / "performance.zh-CN.md"}
_BEGIN, _END = "<!-- measured -->\n", "<!-- /measured -->\n"

# English and Chinese.
Words = tuple[str, str]

_SERVER: Words = ("server", "服务")
# What a book is called, and what its ratios are to.
_BOOKS: dict[str, tuple[Words, Words]] = {
    PLAIN: (("Without records", "无记录"), ("× Cerbos", "Cerbos 的倍数")),
    RECORDS: (("With records", "有记录"), ("× Cerbos, audit log", "带审计日志的 Cerbos 的倍数")),
}
_KINDS: dict[str, Words] = {
    UNARY: ("one decision a request, 12 fields, 15 attributes", "每请求一次裁决，12 个字段、15 个属性"),
    BATCH: (f"batches of {BATCH_ITEMS} customers", f"每批 {BATCH_ITEMS} 位客户"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table in two languages; cells are ready to print, the first column is left-aligned."""

    title: Words
    columns: tuple[Words, ...]
    rows: list[tuple[Words | str, ...]]


def tables(result: Json) -> list[Table]:
    """Return the figures as tables."""
    found = []
    for key, book in result["books"].items():
        name, base = _BOOKS[key]
        kinds = dict.fromkeys(row["kind"] for row in book["rows"])
        found += [_closed(book, kind, name, base) for kind in kinds]
        found.append(_steady(book, result["plan"]["pace"]["rate"], name, base))
        if book["records"]:
            found.append(_recorded(book, name))
    return [*found, _aims(result)]


def _closed(book: Json, kind: str, name: Words, base: Words) -> Table:
    """Return the table of one kind of request: as many as the server takes."""
    memory = {server["key"]: server["resident_bytes"] / 2**20 for server in book["servers"]}
    widths = sorted({row["connections"] for row in book["rows"] if row["kind"] == kind})
    wide = {count: by_key(book, kind, count) for count in widths}
    columns: list[Words] = [
        _SERVER,
        *((f"requests/s, {count} conn.", f"每秒请求数，{count} 连接") for count in widths),
        base,
        ("p50 ms", "p50 毫秒"),
        ("p99 ms", "p99 毫秒"),
        ("CPU µs/request", "每请求 CPU 微秒"),
        base,
        ("memory MiB", "内存 MiB"),
    ]
    rows: list[tuple[Words | str, ...]] = [
        (
            row["label"],
            *(f"{wide[count][key]['rate']:,.0f}" for count in widths),
            f"{row['rate_ratio']:.2f}",
            _measured(row["p50_ms"]),
            _measured(row["p99_ms"]),
            f"{row['cpu_us']:,.1f}",
            f"{row['cpu_us_ratio']:.3f}",
            f"{memory[key]:,.0f}",
        )
        for key, row in wide[CONNECTIONS].items()
    ]
    return Table(_titled(name, _KINDS[kind]), tuple(columns), rows)


def _steady(book: Json, rate: int, name: Words, base: Words) -> Table:
    """Return the table of the open loop."""
    return Table(
        _titled(name, (f"a steady {rate:,} requests a second", f"每秒稳定 {rate:,} 次请求")),
        (
            _SERVER, ("p50 ms", "p50 毫秒"), ("p99 ms", "p99 毫秒"), base, ("p99.9 ms", "p99.9 毫秒"),
            ("CPU µs/request", "每请求 CPU 微秒"), base,
        ),
        [
            (
                row["label"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['p99_ms_ratio']:.2f}",
                f"{row['p999_ms']:.2f}", f"{row['cpu_us']:,.1f}", f"{row['cpu_us_ratio']:.3f}",
            )
            for row in book["paced"]
        ],
    )  # fmt: skip


def _recorded(book: Json, name: Words) -> Table:
    """Return the table of what was counted on the disk after the servers had stopped."""
    behind = {key: max(row["behind_s"] for row in book["rows"] if row["key"] == key) for key in _keys(book)}
    return Table(
        _titled(name, ("what lay on the disk afterwards", "停止后磁盘上的内容")),
        (
            _SERVER, ("records due", "应有记录"), ("records found", "实有记录"), ("of them in the store", "其中已入库"),
            ("bytes a record", "每条记录字节数"), ("worked on for s", "负载后继续工作秒数"),
        ),
        [
            (
                each["label"], f"{each['due']:,}", f"{each['records']:,}", f"{each['stored']:,}",
                f"{each['disk_bytes'] / each['records']:,.0f}", f"{behind[each['key']]:.1f}",
            )
            for each in book["records"]
        ],
    )  # fmt: skip


def _aims(result: Json) -> Table:
    return Table(
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


def circumstances(result: Json) -> list[Words]:
    """Return what the figures depend on, a sentence each."""
    info, tools, equal = result["machine"], result["tools"], result["equal"]
    rows, paced, servers = (
        [each for book in result["books"].values() for each in book[name]] for name in ("rows", "paced", "servers")
    )
    foreign = [run["foreign"] for row in (*rows, *paced) for run in row["runs"]]
    usual, worst = statistics.median(foreign), max(foreign)
    h2load = statistics.median(row["load_cpu_us"] for row in rows if row["kind"] == UNARY)
    late = max(row["late_p99_ms"] for row in paced)
    idle = max(server["idle_cores"] for server in servers)
    before, after = info["load_before"][0], info["load_after"][0]
    requests, batches = equal[UNARY], equal[BATCH]["requests"]
    on = (info["date"][:10], info["cpu"], info["system"], f"Python {info['python']}", f"Cerbos {tools['cerbos']}")
    return [
        _both(
            f"{', '.join(on)}, {tools['h2load']}; {info['cores']} cores; files on {result['disk']}.",
            f"{'，'.join(on)}，{tools['h2load']}；{info['cores']} 核；文件在 {result['disk']} 上。",
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
    console.width = max(console.width, 170)
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


def _titled(name: Words, title: Words) -> Words:
    return f"{name[0]}: {title[0]}", f"{name[1]}：{title[1]}"


def _keys(book: Json) -> list[str]:
    return [server["key"] for server in book["servers"]]


def _measured(milliseconds: float | None) -> str:
    """Return a time; results of before times were taken have none."""
    return "–" if milliseconds is None else f"{milliseconds:,.2f}"
