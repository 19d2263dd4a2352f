"""Reads the YAML documents of docs/guides/policy-language.md into `pdp.lang.model`, every part with its place.

Nothing is raised for what a file holds: everything that is wrong is reported at once, and the set holds what could be
read. A set whose diagnostics have errors must not be used.

| code | meaning |
|---|---|
| no-folder, empty-folder | there is no such folder, or no policy file in it |
| unreadable, outside-folder, linked-folder | a file or folder cannot be read, or a link leads elsewhere |
| not-utf8, control-character | the bytes are not UTF-8, or the text holds characters that nobody sees |
| too-large, too-deep, too-many-problems | a bound is exceeded |
| yaml-syntax | the text is not YAML |
| tag, merge-key, bad-alias | YAML features that are refused |
| duplicate-key | a key is written twice in one mapping |
| unknown-kind, unknown-key, missing-key | a document, a key that does not exist, a key that must |
| wrong-type | a value of another type than expected |
| ambiguous-number | a number such as `012`, which YAML 1.1 and 1.2 read differently |
| bad-value | a value of the right type that makes no sense here |
| bad-id | a name that is not written as such names are, or is reserved |
| bad-path | a JSON path of a message map |
| bad-scope | an attribute that cannot stand in a scope |
| duplicate-document, duplicate-id, duplicate-value | a thing that exists already |
| unknown-attribute | an attribute that no document declares |
| value-not-allowed | a value outside those that the attribute's declaration lists |
| unknown-field | a field of a grants file that the dictionary does not list |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdp.lang.loader.load import load_callers, load_folder, load_grants, load_places, load_texts

__all__ = ["load_callers", "load_folder", "load_grants", "load_places", "load_texts"]


def __getattr__(name: str) -> Any:
    """Return one of the above; who wants a part, as configuration files want the reader, need not wait for all."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pdp.lang.loader import load  # noqa: PLC0415 - see above

    return getattr(load, name)
