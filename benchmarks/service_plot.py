"""The main figures as a picture: bars in SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from service_dialects import UNARY
from service_figures import CONNECTIONS, by_key
from service_plan import PLAIN, RECORDS

_BOOKS = {PLAIN: "without records", RECORDS: "with records"}
_LABELS, _BARS, _WIDTH = 190, 420, 700
_ROW, _BAR, _GAP, _TITLE = 22, 14, 18, 26
_STYLE = """\
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .ours { fill: #1a7f64 } .peer { fill: #8c6bb1 } .floor { fill: #b6bec8 }
  @media (prefers-color-scheme: dark) { text { fill: #d8dee4 } .floor { fill: #59636e } }
"""


def plot(result: dict[str, Any]) -> str:
    """Return the picture of a result as SVG."""
    rate = f"{result['plan']['pace']['rate']:,}"
    panels = []
    for key, book in result["books"].items():
        unary = list(by_key(book, UNARY).values())
        name = _BOOKS[key]
        panels += [
            (f"{name}: requests/s, {CONNECTIONS} connections; more is better", unary, "rate", ",.0f"),
            (f"{name}: CPU µs a request; less is better", unary, "cpu_us", ",.1f"),
            (f"{name}: p99 in ms at {rate} requests/s; less is better", book["paced"], "p99_ms", ",.2f"),
        ]
    parts: list[str] = []
    top = 0
    for title, rows, name, form in panels:
        parts += _panel(top, title, rows, name, form)
        top += _TITLE + _ROW * len(rows) + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}">'
    return "\n".join([head, f"<style>\n{_STYLE}</style>", *parts, "</svg>", ""])


def _panel(top: int, title: str, rows: Sequence[dict[str, Any]], name: str, form: str) -> list[str]:
    most = max(row[name] for row in rows)
    parts = [f'<text class="title" x="0" y="{top + 14}">{escape(title)}</text>']
    for number, row in enumerate(rows):
        y = top + _TITLE + number * _ROW
        width = max(1.0, _BARS * row[name] / most)
        kind = "floor" if row["key"].startswith("echo-") else "peer" if row["key"].startswith("cerbos") else "ours"
        parts += [
            f'<text x="0" y="{y + 11}">{escape(row["label"])}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}"/>',
            f'<text x="{_LABELS + width + 6:.1f}" y="{y + 11}">{row[name]:{form}}</text>',
        ]
    return parts
