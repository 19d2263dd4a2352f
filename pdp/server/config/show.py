"""Settings for people and programs: the values in force, and an annotated example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pdp.server.config.load import Loaded, Value
from pdp.server.config.options import GROUPS, OPTIONS, Option

_HEAD = """\
# Configuration of `pdp serve`: pdp serve --config pdp.yaml
# pdp serve 的配置
#
# What is commented out is the default or an example. Every setting can also be set by the variable that stands with
# it, and the main ones by a flag: a flag comes before the environment, that before this file. Relative paths begin at
# the folder of this file. `pdp config check FILE` judges it, `pdp config show --config FILE` tells what is in force.
# 被注释掉的是默认值或示例。每项也可用所注的环境变量设置，主要的几项还有命令行选项。
# 选项优先于环境变量，环境变量优先于本文件。相对路径从本文件所在的文件夹算起。
"""


def plain(value: Value) -> Any:
    """Return a value as it would stand in the file; a secret is masked."""
    return value.option.meta.kind.plain(value.value)


def as_text(value: Any) -> str:
    """Return plain data as it is written in the file; empty for none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def to_json(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """Return every setting's value and where it came from, by name."""
    return {
        name: {"value": plain(value), "source": value.origin.source, "place": value.origin.place}
        for name, value in loaded.values.items()
    }


def example() -> str:
    """Return the annotated configuration that stands in deploy/pdp.yaml."""
    return "\n".join([_HEAD, *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for option in OPTIONS:
        if not option.section and option.variable:
            yield from _setting(option, "")
    for name, group in GROUPS.items():
        within, _, key = name.rpartition(".")
        indent = "  " if within else ""
        yield f"{indent}# {group.en}."
        yield f"{indent}# {group.zh}。"
        yield f"{indent}# {key}:"
        for option in OPTIONS:
            if option.section == name:
                yield from _setting(option, f"{indent}  ")


def _setting(option: Option, indent: str) -> Iterator[str]:
    unit = f" ({option.meta.unit})" if option.meta.unit else ""
    yield f"{indent}# {option.meta.en}{unit} [{option.variable}]"
    yield f"{indent}# {option.meta.zh}"
    value = option.meta.sample or as_text(option.meta.kind.plain(option.default))
    yield f"{indent}# {option.key}: {value}"
    yield ""
