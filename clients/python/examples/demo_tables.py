"""The demonstration on paper: what was asked and answered, as data, and as tables for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo_records import Record
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from jingxi_client import Masked, Obligation, PartDecision, Reason, Text

RAW = Text("原文", "raw")
DEFAULT_MASK = Text("没有规则开放，按字典默认脱敏", "no rule opens it: masked by the dictionary's default")
DEFAULT_CLEAR = Text("没有规则要求脱敏，按字典默认展示", "no rule masks it: shown by the dictionary's default")
OBLIGATIONS = Text("同时要求", "also required")
DIAGNOSTICS = Text("提示", "diagnostics")
RECORDED = (
    Text("快照", "snapshot"),
    Text("级别", "level"),
    Text("谁 ← 授权人", "who ← approver"),
    Text("对象", "of whom"),
    Text("明文显示", "shown in clear"),
)
NOTHING = Text("无", "nothing")
_SHOWN = 3


@dataclass(frozen=True)
class Cell:
    """One field before and after, and why. `after` is None when the field was left out of the message."""

    field: str
    before: str
    after: str | None
    masked: bool
    reason: Reason


@dataclass(frozen=True)
class Look:
    """One look at a message: who asked where, the cells of each item shown, and what belongs to the whole answer.

    `fields` counts every value of the message that was decided, `masked` those that were masked; `event` is what
    happened just before.
    """

    letter: str
    person: str
    where: Text
    items: tuple[tuple[Cell, ...], ...]
    fields: int
    masked: int
    obligations: tuple[Obligation, ...]
    diagnostics: tuple[str, ...]
    event: Text | None = None
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A scene after it was played. `items` tells what the cells of each item belong to; one, empty, for the message."""

    requirements: str
    title: Text
    sample: str
    columns: tuple[Text, ...]
    items: tuple[str, ...]
    looks: tuple[Look, ...]


def cell(field: str, path: str, message: Any, masked: Masked) -> Cell:
    """Return a field at a path such as `accounts[0].balance` of a message, before and after masking."""
    part = _part(masked.decisions, f"$.{path}")
    verdict = part.decision.verdict(field) if part.decision else None
    after = value_at(masked.message, path)
    return Cell(
        field,
        str(value_at(message, path)),
        None if after is None else str(after),
        verdict is None or not verdict.unmasked,
        verdict.reason if verdict else Reason(),
    )


def value_at(message: Any, path: str) -> Any:
    """Return what a message holds at a path; None when there is nothing."""
    for step in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(message, list):
            message = message[int(step)] if int(step) < len(message) else None
        elif isinstance(message, dict):
            message = message.get(step)
    return message


def _part(decisions: Sequence[PartDecision], path: str) -> PartDecision:
    return max((d for d in decisions if path.startswith(d.place)), key=lambda d: len(d.place))


class Writer:
    """Writes to a console in Chinese (`zh`), English (`en`) or `both`."""

    def __init__(self, console: Console, lang: str) -> None:
        self._console = console
        self._lang = lang

    @property
    def languages(self) -> Sequence[str]:
        """The languages that are wanted."""
        return ("zh", "en") if self._lang == "both" else (self._lang,)

    def heading(self, text: Text) -> None:
        """Write the first lines of all."""
        self._console.print(Line("\n".join(self._texts(text))))

    def scene(self, shown: Shown) -> None:
        """Write a scene: title, who asks where, the table, the reasons, what else the answers say."""
        out = self._console
        head, *more = self._texts(shown.title)
        out.print()
        out.rule(Line.assemble((shown.requirements, "bold cyan"), "  ", (head, "bold")), align="left", style="cyan")
        for text in more:
            out.print(Line(" " * (len(shown.requirements) + 2) + text, "bold"))
        for look in shown.looks:
            self._look(look)
        reasons = _Reasons()
        out.print()
        out.print(self._table(shown, reasons))
        out.print()
        out.print(self._footnotes(shown, reasons))

    def summary(self, text: Text) -> None:
        """Write the last lines of all."""
        self._console.print()
        self._console.rule(style="cyan")
        self._console.print(Line("\n".join(self._texts(text)), "bold"))

    def trail(self, shown: Shown, kept: Mapping[str, Record]) -> None:
        """Write what was recorded of each look of a scene."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
        table.add_column(shown.requirements.partition(" ")[0])
        for name in (RECORDED[0], *RECORDED[2:]):
            table.add_column("\n".join(self._texts(name)), overflow="fold")
        for look in shown.looks:
            records = [kept[found] for found in look.decisions]
            first = records[0]
            who = f"{first.subject} {first.action}" + (f" ← {first.approver}" if first.approver else "")
            names = _few(list(dict.fromkeys(name for record in records for name in record.shown)))
            more = f" + {len(records) - 1}" if len(records) > 1 else ""
            row = (f"…{first.id[-8:]}{more}", who, first.resource, names or self._line(NOTHING))
            table.add_row(Line(look.letter, "bold"), *row)
        self._console.print()
        self._console.print(table)

    def records(self, text: Text, newest: Sequence[Record]) -> None:
        """Write what was recorded."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
        for name in RECORDED:
            table.add_column("\n".join(self._texts(name)), overflow="fold")
        for record in newest:
            who = f"{record.subject} {record.action}" + (f" ← {record.approver}" if record.approver else "")
            table.add_row(f"…{record.id[-8:]}", Line(record.level, "yellow"), who, record.resource, _few(record.shown))
        self._console.print()
        self._console.print(table)
        self._console.print()
        self._console.print(Line("\n".join(self._texts(text)), "bold"))

    def _texts(self, text: Text) -> list[str]:
        """Return a text in each of the languages wanted, once when they agree."""
        both = {"zh": text.zh or text.en, "en": text.en or text.zh}
        return list(dict.fromkeys(both.values())) if self._lang == "both" else [both[self._lang]]

    def _line(self, text: Text) -> str:
        return " / ".join(self._texts(text))

    def _look(self, look: Look) -> None:
        if look.event is not None:
            text = ("\n" + " " * 5).join(self._texts(look.event))
            self._console.print(Line(f"   ▸ {text}", "magenta"))
        head = f"{look.letter}  {look.person}  "
        where = self._line(look.where)
        if cell_len(head + where) > self._console.width:
            where = ("\n" + " " * len(head)).join(self._texts(look.where))
        self._console.print(Line.assemble((head[0], "bold"), head[1:], where))

    def _table(self, shown: Shown, reasons: _Reasons) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
        groups = []
        for position, item in enumerate(shown.items):
            raw = [Line(f"{self._texts(RAW)[0]} {item}".rstrip(), "dim")]
            raw += [Line(cell.before, "dim") for cell in shown.looks[0].items[position]]
            looks = [
                [Line(look.letter, "bold"), *(_shown(cell, reasons) for cell in look.items[position])]
                for look in shown.looks
            ]
            groups.append([raw, *looks])
        table.add_column("")
        for place, column in enumerate(shown.columns, 1):
            width = max(row[place].cell_len for rows in groups for row in rows)
            # No wider than its values, or it would make the table too wide.
            lines = [line for text in self._texts(column) for line in _wrap(text, max(width, 10))]
            table.add_column("\n".join(lines), overflow="fold")
        for rows in groups:
            for row in rows:
                table.add_row(*row)
            table.add_section()
        return table

    def _footnotes(self, shown: Shown, reasons: _Reasons) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(2):
            grid.add_column(no_wrap=True)
        grid.add_column()
        for number, rule, title in reasons.listed():
            grid.add_row(Line(f"[{number}]", "cyan"), Line(rule, "cyan"), "\n".join(self._texts(title)))
        for look in shown.looks:
            for name, text in _notes(look):
                grid.add_row(Line(look.letter, "bold"), Line(self._line(name), "dim"), Line(text, "dim"))
        return grid


def _few(names: Sequence[str]) -> str:
    more = f" + {len(names) - _SHOWN}" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False)


class _Reasons:
    """Numbers the reasons in the order in which they are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Text], int] = {}

    def number(self, cell: Cell) -> int:
        default = DEFAULT_MASK if cell.masked else DEFAULT_CLEAR
        key = (cell.reason.rule, cell.reason.title if cell.reason.kind == "rule" else default)
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def listed(self) -> Iterator[tuple[int, str, Text]]:
        for (rule, title), number in self._numbers.items():
            yield number, rule or "dictionary.yaml", title


def _shown(cell: Cell, reasons: _Reasons) -> Line:
    value = "—" if cell.after is None else cell.after
    return Line.assemble((value, "yellow" if cell.masked else "green"), (f" [{reasons.number(cell)}]", "cyan"))


def _notes(look: Look) -> Iterator[tuple[Text, str]]:
    if look.obligations:
        told = (f"{o.type}{_parameters(o.parameters)}" for o in look.obligations)
        yield OBLIGATIONS, ", ".join(dict.fromkeys(told))
    if look.diagnostics:
        yield DIAGNOSTICS, "; ".join(look.diagnostics)


def _parameters(parameters: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in sorted(parameters.items()))})" if parameters else ""
