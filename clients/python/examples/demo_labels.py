"""What people call fields, roles, menus and the like, as the policy set's own dictionary says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jingxi_client import Text


class Labels:
    """The labels of a policy set with the layout of the sample bank."""

    def __init__(self, policies: Path) -> None:
        self._fields = _read(policies / "dictionary.yaml")["fields"]
        self._attributes = _read(policies / "attributes.yaml")["attributes"]

    def field(self, name: str) -> Text:
        """Return what a field of the dictionary is called."""
        return _text(self._fields[name]["label"])

    def value(self, attribute: str, value: Any) -> Text:
        """Return what a value of an attribute is called."""
        for allowed in self._attributes[attribute]["values"]:
            if allowed["value"] == value:
                return _text(allowed["label"])
        return Text(str(value), str(value))


def _read(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _text(label: Mapping[str, str]) -> Text:
    return Text(label["zh"], label["en"])
