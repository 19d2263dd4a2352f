"""The clients' figures as a table on a terminal and in the pages of two languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
# The pages that hold the table, by language, between these marks.
PAGES = {"en": _GUIDES / "performance.md", "zh": _GUIDES / "performance.zh-CN.md"}
_BEGIN, _END = "<!-- clients -->\n", "<!-- /clients -->\n"

LANGUAGES = {"python": "Python", "java": "Java", "go": "Go", "typescript": "TypeScript"}
# English and Chinese.
FIGURES: dict[str, tuple[str, str]] = {
    "mask_40_fields": ("mask a message of 40 fields, verdicts known", "一条 40 个字段的报文脱敏，裁决已知"),
    "offline_12_fields": ("decide offline and mask a message of 12 fields", "一条 12 个字段的报文离线裁决并脱敏"),
    "offline_12_fields_cpu": (
        "the processor's time of that, collecting garbage and all", "其处理器时间，含垃圾回收等全部开销",
    ),
    "offline_messages_per_second": (
        "messages of 12 fields a second on one core, by that time", "按此时间，每核每秒 12 个字段的报文数",
    ),
    "offline_12_fields_allocated": ("the memory that it allocates", "其分配的内存"),
    "offline_12_fields_recorded": (
        "the same with the decision in the log, not awaited", "同上，裁决写入日志而不等待落盘",
    ),
    "online_p50": ("mask a message by the service, median", "一条报文由服务裁决并脱敏，中位数"),
    "online_p99": ("mask a message by the service, 99 of 100", "一条报文由服务裁决并脱敏，第 99 百分位"),
}  # fmt: skip
AIMS: dict[tuple[str, str], tuple[str, float]] = {
    ("python", "offline_12_fields"): ("≤", 30.0),
    ("java", "offline_messages_per_second"): ("≥", 50_000.0),
    ("go", "offline_messages_per_second"): ("≥", 50_000.0),
}


def aims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the figures are held to."""
    found = []
    for row in rows:
        aim = AIMS.get((row["language"], row["name"]))
        if aim is not None:
            sign, limit = aim
            met = row["value"] <= limit if sign == "≤" else row["value"] >= limit
            found.append({**row, "sign": sign, "limit": limit, "met": met})
    return found


def show(result: dict[str, Any]) -> None:
    """Print a result as a table."""
    console = Console()
    info = result["machine"]
    console.print(f"{info['cpu']}, {info['cores']} cores, load {info['load_before'][0]} to {info['load_after'][0]}")
    languages = _languages(result)
    table = Table(box=box.SIMPLE)
    table.add_column("")
    for language in languages:
        table.add_column(LANGUAGES[language], justify="right")
    for name, (label, _) in FIGURES.items():
        table.add_row(label, *_cells(result, name))
    console.print(table)
    for aim in result["aims"]:
        verdict = "met" if aim["met"] else "missed"
        label, _ = FIGURES[aim["name"]]
        console.print(
            f"{LANGUAGES[aim['language']]}, {label}: {aim['sign']} {aim['limit']:,g} {aim['unit']}: {verdict}"
        )
    for language, reason in result["left_out"].items():
        console.print(f"left out: {LANGUAGES[language]}: {reason}", style="bold")
    console.print("Times of a busy machine are too long.", style="dim")


def write_pages(path: Path) -> None:
    """Put the table of a result file into the pages."""
    result = json.loads(path.read_text(encoding="utf-8"))
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        head, rest = text.split(_BEGIN, 1)
        page.write_text(head + _BEGIN + markdown(result, language) + _END + rest.split(_END, 1)[1], encoding="utf-8")


def markdown(result: dict[str, Any], language: str) -> str:
    """Return what stands in the page of a language, `en` or `zh`."""
    at = ("en", "zh").index(language)
    info, languages = result["machine"], _languages(result)
    day, load = info["date"][:10], f"{info['load_before'][0]}–{info['load_after'][0]}"
    where = (
        f"- {info['cpu']}, {info['cores']} cores, {day}, load average {load}.",
        f"- {info['cpu']}，{info['cores']} 核，{day}，平均负载 {load}。",
    )
    lines = ["", where[at], ""]
    lines.append(_line(["", *(LANGUAGES[name] for name in languages)]))
    lines.append(_line(["---", *("---:" for _ in languages)]))
    lines += [_line([labels[at], *_cells(result, name)]) for name, labels in FIGURES.items()]
    lines.append("")
    for aim in result["aims"]:
        verdict = ("met", "达到") if aim["met"] else ("missed", "未达到")
        bound = f"{aim['sign']} {aim['limit']:,g} {aim['unit']}"
        label = FIGURES[aim["name"]][at]
        sentences = (
            f"- Aim of {LANGUAGES[aim['language']]}, {label}: {bound}: {verdict[0]}.",
            f"- {LANGUAGES[aim['language']]} 的目标，{label}：{bound}：{verdict[1]}。",
        )
        lines.append(sentences[at])
    return "\n".join([*lines, "", ""])


def _languages(result: dict[str, Any]) -> list[str]:
    return [name for name in LANGUAGES if any(row["language"] == name for row in result["rows"])]


def _cells(result: dict[str, Any], figure: str) -> list[str]:
    rows = {row["language"]: row for row in result["rows"] if row["name"] == figure}
    return [
        f"{rows[language]['value']:,.{_places(rows[language]['value'])}f} {_unit(rows[language])}"
        if language in rows
        else "–"
        for language in _languages(result)
    ]


def _unit(row: dict[str, Any]) -> str:
    return str(row["unit"]).removeprefix("1")


def _places(value: float) -> int:
    return 0 if value >= 1_000 else 1 if value >= 10 else 2


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
