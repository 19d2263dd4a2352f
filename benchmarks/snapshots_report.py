"""The tables of the snapshot benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "postgres-2-nodes": "PostgreSQL with 2 nodes at once"}


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure the product is held to; met when the value is not above the limit, with `least` not below it."""

    label: str
    value: float
    limit: float
    unit: str
    least: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the aim as plain data."""
        met = self.value >= self.limit if self.least else self.value <= self.limit
        return {
            "label": self.label, "value": round(self.value, 3), "limit": self.limit, "unit": self.unit,
            "least": self.least, "met": met,
        }  # fmt: skip


def show(result: dict[str, Any]) -> None:
    """Print a result as tables."""
    console = Console()
    console.width = max(console.width, 120)
    info = result["machine"]
    console.print(
        f"{info['cpu']}, {info['cores']} cores, load {info['load_before'][0]} to {info['load_after'][0]}, "
        f"{info['foreign_cores']} cores busy with others and PostgreSQL"
    )
    rates = _table("Rates", "", "records/s", "CPU µs a record")
    for batch, rate in result["spool"].items():
        _add_rate(rates, f"spool, {batch} at once", rate)
    _add_rate(rates, "columns drawn out of a record", result["columns"])
    for kind, rate in result["taking"].items():
        _add_rate(rates, f"{_STORES[kind]} takes, columns drawn", rate)
    for kind, rate in result["shipping"].items():
        _add_rate(rates, f"shipped from the spools of a node to {_STORES[kind]}", rate)
    for key, label in (("chain", "chain and tree verified"), ("deep", "the same, and columns")):
        _add_rate(rates, f"{label}, one process", result["verify"][key])
        _add_rate(rates, f"{label}, as the command does it", result["verify"][f"all-{key}"])
    console.print(rates)
    for kind, asked in result["pages"].items():
        pages = _table(
            f"{_STORES[kind]}: a page of 50 out of {result['rows']:,} records", "", "found", "cold ms", "warm ms",
            "worst ms", "count", "ms",
        )  # fmt: skip
        for row in asked:
            count = f"{row['count']:,}" if row["count_exact"] else f"about {row['count']:,}"
            times = (f"{row[key]:,.1f}" for key in ("cold_ms", "warm_ms", "warm_max_ms"))
            pages.add_row(
                row["label"], str(row["records"]), *times,
                "" if row["count"] < 0 else count, f"{row['count_ms']:,.1f}",
            )  # fmt: skip
        console.print(pages)
    sizes = _table("Bytes a record on the disk, with indexes", "", "bytes")
    for name, size in result["bytes"].items():
        sizes.add_row(_STORES.get(name, name), f"{size:,.0f}")
    console.print(sizes)
    aims = _table("Aims", "", "measured", "aim", "")
    for aim in result["aims"]:
        sign = "≥" if aim["least"] else "≤"
        word = "[green]met[/]" if aim["met"] else "[red]missed[/]"
        aims.add_row(aim["label"], f"{aim['value']:,.1f} {aim['unit']}", f"{sign} {aim['limit']:,.0f}", word)
    console.print(aims)


def _add_rate(table: Table, label: str, rate: dict[str, Any]) -> None:
    table.add_row(label, f"{rate['per_second']:,.0f}", f"{rate['cpu_us']:,.1f}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column and column != "aim" else "left")
    return table
