"""Values as YAML writes them."""

from __future__ import annotations

from typing import Any, Final

import yaml

# Line breaks that PyYAML writes as they are outside double quotes, and then reads as spaces.
_BREAKS: Final = frozenset("\u0085\u2028\u2029")
_TEXT: Final = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TEXT, text, style=None if _BREAKS.isdisjoint(text) else '"')


_Dumper.add_representer(str, _text)


def written(value: Any, *, flow: bool | None = True, width: int = 10**9) -> str:
    """Return a value as YAML, which says the same when it is read; `flow` as PyYAML's `default_flow_style`."""
    return str(
        yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=flow, width=width, sort_keys=False)
    )


def flow(value: Any) -> str:
    """Return a value as YAML that fits into brackets."""
    return written([value]).strip()[1:-1]
