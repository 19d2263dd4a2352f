"""Puts the settings together: a flag comes before the environment, that before the file, that before the default.

Nothing is raised for what is written: everything wrong is reported at once, at its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pdp.errors import ConfigError, ValueFormatError
from pdp.lang.diagnostics import Diagnostic, Diagnostics, Severity, render_text
from pdp.lang.loader.document import open_document
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.reader import Reader, Shape
from pdp.lang.loader.report import Report, quote
from pdp.server.config.kinds import INLINE_SECRET, File, Secret, SecretPlace
from pdp.server.config.options import BY_NAME, GROUPS, OPTIONS, PREFIX, Option, assemble
from pdp.server.settings import Settings
from pdp.source import SourceFile, Span, whole

FILE_VARIABLE = "PDP_CONFIG"
"""Names the file when no flag does."""


def _keys(section: str) -> str:
    """Return the keys that may stand in a section of the file."""
    settings = [option.key for option in OPTIONS if option.section == section and option.variable]
    groups = [name.rpartition(".") for name in GROUPS]
    return " ".join([*settings, *(key for within, _, key in groups if within == section)])


_TOP = Shape("configuration", optional=_keys(""))
_SHAPES = {group: Shape(f"`{group}` section", optional=_keys(group)) for group in GROUPS}
# What Kubernetes sets for every container when a Service is called `pdp`.
_KUBERNETES = re.compile(r"PDP_(?:SERVICE_.*|PORT(?:_.*)?)")
_MAX_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: `source` is flag, environment, file or default; `place` the flag, variable or place."""

    source: str
    place: str
    span: Span


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a setting that is in force."""

    option: Option
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read: `settings` is None when there are errors."""

    settings: Settings | None
    values: Mapping[str, Value]
    diagnostics: list[Diagnostic]
    sources: Mapping[str, SourceFile] = field(default_factory=dict)

    @property
    def errors(self) -> list[Diagnostic]:
        """The findings that keep the server from starting."""
        return [item for item in self.diagnostics if item.severity is Severity.ERROR]

    def render(self, item: Diagnostic) -> str:
        """Return a finding as text: with its line when it is about a file, else with the flag or variable."""
        # Whoever wrote a secret into the file does not want to read it in a log as well.
        text = render_text(item, {} if item.code == INLINE_SECRET else self.sources)
        if item.span == whole(item.span.file) and item.span.file not in self.sources:
            return text.replace(f"{item.span}:", f"{item.span.file}:", 1)
        return text


def load(
    file: Path | None,
    flags: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    *,
    elsewhere: bool = False,
) -> Loaded:
    """Return the settings in force; `flags` are values by the settings' names.

    With `elsewhere` the settings are judged for another machine: no path is looked at and no secret is read.
    """
    diagnostics = Diagnostics()
    values = {option.name: Value(option, option.default, _origin("default", "default")) for option in OPTIONS}
    sources: Mapping[str, SourceFile] = {}
    if file is not None:
        sources = _read_file(file, values, diagnostics)
    _read_environment(environ, values, diagnostics)
    for name, value in flags.items():
        option = BY_NAME[name]
        values[name] = Value(option, value, _origin("flag", option.flag))
    if not elsewhere:
        _judge(values, environ, diagnostics)
    settings = None if diagnostics.has_errors else _assemble(values, diagnostics, elsewhere=elsewhere)
    return Loaded(settings, values, diagnostics.sorted(), sources)


def _origin(source: str, place: str) -> Origin:
    return Origin(source, place, whole(place))


def _read_file(file: Path, values: dict[str, Value], diagnostics: Diagnostics) -> Mapping[str, SourceFile]:
    name = str(file)
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        diagnostics.error("unreadable", f"{quote(name)} cannot be read: {(error.strerror or '').lower()}", whole(name))
        return {}
    except UnicodeDecodeError as error:
        diagnostics.error("not-utf8", f"the file is not UTF-8 at byte {error.start}; save it as UTF-8", whole(name))
        return {}
    reader, document = open_document(name, text, diagnostics)
    if document is not None:
        _read_mapping(reader, document, _TOP, "", file.parent, values)
    return reader.sources


def _read_mapping(
    reader: Reader, node: MappingNode, shape: Shape, prefix: str, base: Path, values: dict[str, Value]
) -> None:
    reader.record(node, shape)  # for the keys that do not exist
    for key, (_, value) in node.entries.items():
        name = prefix + key
        if name in GROUPS:
            if isinstance(value, MappingNode):
                _read_mapping(reader, value, _SHAPES[name], f"{name}.", base, values)
            else:
                reader.wrong_type(value, f"`{name}`", "a mapping")
        elif key in shape.known:
            option = BY_NAME[name]
            found = option.meta.kind.read(reader, value, f"`{name}`")
            if isinstance(found, Path):
                found = base / found
            elif isinstance(found, SecretPlace) and found.file:
                found = SecretPlace(str(base / found.file), "")
            if found is not None:
                values[name] = Value(option, found, Origin("file", str(value.span), value.span))


def _read_environment(environ: Mapping[str, str], values: dict[str, Value], diagnostics: Diagnostics) -> None:
    known = {option.variable: option for option in OPTIONS if option.variable}
    report = Report(diagnostics)
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name != FILE_VARIABLE):
        option = known.get(variable)
        if not environ[variable]:
            continue  # as if it were not set: what templates and `docker run -e` leave of a missing value
        if option is not None:
            try:
                value = option.meta.kind.parse(environ[variable])
            except ValueFormatError as error:
                report.error("bad-value", f"`{option.name}` {_verbless(error)}", whole(variable))
            else:
                values[option.name] = Value(option, value, _origin("environment", variable))
        elif not _KUBERNETES.fullmatch(variable):
            # Not an error: others may have variables of this prefix.
            close = report.did_you_mean(variable.lower(), [name.lower() for name in known])
            hint = re.sub("`.*`", lambda match: match[0].upper(), close)
            report.warning("unknown-key", "the environment variable names no setting", whole(variable), hint)


def _verbless(error: ValueFormatError) -> str:
    text = str(error)
    return text if text.startswith("must ") else f"cannot be used: {text}"


def _judge(values: dict[str, Value], environ: Mapping[str, str], diagnostics: Diagnostics) -> None:
    """Report paths that are not there, and put secrets in the place of where they are to be found."""
    for name, value in values.items():
        kind, place = value.option.meta.kind, value.origin.span
        if isinstance(value.value, SecretPlace):
            secret = _secret(value.value, name, place, environ, diagnostics)
            values[name] = Value(value.option, secret, value.origin)
        elif isinstance(kind, File) and value.value is not None:
            problem = kind.problem(value.value)
            if problem:
                diagnostics.error("no-file", f"`{name}`: {problem}", place, _relative(value))


def _relative(value: Value) -> str:
    return "relative paths begin at the folder of the file" if value.origin.source == "file" else ""


def _secret(
    place: SecretPlace, name: str, span: Span, environ: Mapping[str, str], diagnostics: Diagnostics
) -> Secret | None:
    if place.env:
        if not environ.get(place.env):
            diagnostics.error("no-secret", f"`{name}`: the environment variable `{place.env}` is not set", span)
            return None
        return Secret(environ[place.env], f"environment variable {place.env}")
    path = Path(place.file)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SECRET).decode("utf-8").strip()
        open_to_all = path.stat().st_mode & 0o004
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        diagnostics.error("no-secret", f"`{name}`: `{path}` cannot be read: {(reason or '').lower()}", span)
        return None
    if not text:
        diagnostics.error("no-secret", f"`{name}`: `{path}` is empty", span)
    elif open_to_all:
        diagnostics.warning("open-secret", f"`{name}`: every user can read `{path}`", span, "chmod o-r")
    return Secret(text, f"file {path}")


def _assemble(values: Mapping[str, Value], diagnostics: Diagnostics, *, elsewhere: bool) -> Settings | None:
    given = {name: value.value for name, value in values.items() if value.origin.source != "default"}
    if elsewhere:
        given = {name: None if isinstance(value, SecretPlace) else value for name, value in given.items()}
    try:
        return assemble(given)
    except ConfigError as error:
        for name, message in error.problems:
            diagnostics.error("conflict", message, values[name].origin.span)
        return None
