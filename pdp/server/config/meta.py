"""What is to be known of a setting besides its type and default; it stands in the annotation of the field."""

from __future__ import annotations

from dataclasses import dataclass

from pdp.server.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Meta:
    """What is to be known of a setting: kind of value, meaning in both languages, unit, name in the file and flag.

    `flag` is empty when there is none on the command line; `flag_only` settings stand in no file or environment;
    `sample` is what the annotated example shows where the default is none.
    """

    kind: Kind
    zh: str
    en: str
    unit: str = ""
    key: str = ""
    flag: str = ""
    flag_only: bool = False
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What is to be known of settings that belong together."""

    zh: str
    en: str
