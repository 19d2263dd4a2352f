"""All settings in Markdown, made of their definition; docs/guides/configuration.md and its Chinese twin end with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pdp.server.config.options import GROUPS, OPTIONS, Option
from pdp.server.config.show import as_text


@dataclass(frozen=True, slots=True)
class _Words:
    columns: tuple[str, ...]
    main: str
    flag: str
    only_flag: str
    units: dict[str, str]


_EN = _Words(
    columns=("setting", "value", "default", "meaning"),
    main="Main settings",
    flag="flag",
    only_flag="flag only",
    units={"seconds": "seconds", "bytes": "bytes"},
)
_ZH = _Words(
    columns=("设置", "取值", "默认", "含义"),
    main="主要设置",
    flag="选项",
    only_flag="仅选项",
    units={"seconds": "秒", "bytes": "字节"},
)


def tables(language: str) -> str:
    """Return the tables in `zh` or `en`."""
    words = _ZH if language == "zh" else _EN
    parts = [*_table("", words.main, language, words)]
    for name, group in GROUPS.items():
        parts += _table(name, f"`{name}`", language, words, group.zh + "。" if language == "zh" else group.en + ".")
    return "\n".join(parts)


def _table(section: str, title: str, language: str, words: _Words, about: str = "") -> Iterator[str]:
    yield f"## {title}\n"
    if about:
        yield f"{about}\n"
    yield f"| {' | '.join(words.columns)} |"
    yield "|---" * len(words.columns) + "|"
    for option in OPTIONS:
        if option.section == section:
            yield _row(option, language, words)
    yield ""


def _row(option: Option, language: str, words: _Words) -> str:
    meta = option.meta
    chinese = language == "zh"
    names = [f"`{option.name}`", *([f"`{option.variable}`"] if option.variable else [])]
    names += [f"`{flag}`" for flag in meta.flag.split("/") if flag]
    form = meta.kind.forms[0 if chinese else 1]
    unit = words.units.get(meta.unit, "")
    if unit:
        form += f"（{unit}）" if chinese else f", in {unit}"
    value = as_text(meta.kind.plain(option.default))
    default = f"`{value}`" if value else ""
    meaning = meta.zh if chinese else meta.en
    if meta.flag_only:
        meaning += f"（{words.only_flag}）" if chinese else f" ({words.only_flag})"
    return f"| {'<br>'.join(names)} | {form} | {default} | {meaning} |"
