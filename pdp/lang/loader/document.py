"""Opens a YAML file that is one mapping and no part of a policy set; whoever asks reads it through the `Reader`."""

from __future__ import annotations

from pdp.lang.diagnostics import Diagnostics
from pdp.lang.loader.files import source_of
from pdp.lang.loader.nodes import Mapping, compose
from pdp.lang.loader.reader import Reader
from pdp.lang.loader.report import Report


def open_document(name: str, text: str, diagnostics: Diagnostics) -> tuple[Reader, Mapping | None]:
    """Return a reader that reports to `diagnostics`, and the mapping of a text; None for an empty or unusable one."""
    report = Report(diagnostics)
    source = source_of(name, text, report)
    reader = Reader(report, {} if source is None else {name: source})
    found = [] if source is None else compose(source, report)
    for extra in found[1:]:
        reader.error("bad-value", f"`{name}` holds more than one document", extra, "keep the first one only")
    if not found:
        return reader, None
    if isinstance(found[0], Mapping):
        return reader, found[0]
    reader.wrong_type(found[0], "the document", "a mapping")
    return reader, None
