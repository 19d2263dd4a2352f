"""Requests as JSON text: found in a stream, and parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from google.protobuf import json_format

from pdp.errors import RequestError
from pdp.v1 import decision_service_pb2

_SPACE = re.compile(r"[ \t\r\n]*")


class BadRequestError(Exception):
    """A text that is no request. It ends in an answer, never in a failed command, so it is not a PdpError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Source:
    """One request's text and the line it begins on; `problem` says why there is none."""

    text: str
    line: int
    problem: BadRequestError | None = None


def read_requests(file: BinaryIO) -> Iterator[Source]:
    """Yield the requests of a stream: one a line as they arrive, or objects that span lines, one after another.

    When the first line is a whole JSON value the stream is taken line by line; else it is read to its end.
    """
    line = 0
    for data in file:
        line += 1
        if not data.strip():
            continue
        if _is_json(data):
            yield _source(data, line)
            break
        yield from _read_spanning(data + file.read(), line)
        return
    for number, data in enumerate(file, line + 1):
        if data.strip():
            yield _source(data, number)


def parse_request(source: Source) -> decision_service_pb2.DecideRequest:
    """Return the request of a text in protobuf's JSON form. Raises BadRequestError."""
    if source.problem is not None:
        raise source.problem
    return parse_message(source.text)


def parse_message(text: str) -> decision_service_pb2.DecideRequest:
    """Return a DecideRequest from protobuf's JSON form. Raises BadRequestError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("invalid_json", _json_problem(error)) from error
    if not isinstance(value, dict):
        raise BadRequestError("invalid_json", 'a request is a JSON object: `{"subject": …}`')
    for place in _bare_values(value):
        message = f'`{place}` says no type; write a value as `{{"intValue": "3"}}` or `{{"stringValue": "x"}}`'
        raise BadRequestError("invalid_request", message)
    request = decision_service_pb2.DecideRequest()
    try:
        json_format.Parse(text, request)
        # Lone surrogates are accepted into a message and only refused here.
        request.SerializeToString()
    except (json_format.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadRequestError("invalid_request", _first_line(error)) from error
    return request


def _bare_values(request: dict[str, Any]) -> Iterator[str]:
    """Yield attributes written as plain JSON values: the usual slip, of which protobuf's message says nothing."""
    parts = {f"{name}.attributes": request.get(name) for name in ("subject", "action", "resource")}
    maps = {name: part.get("attributes") for name, part in parts.items() if isinstance(part, dict)}
    for name, held in {**maps, "context": request.get("context")}.items():
        if isinstance(held, dict):
            yield from (f"{name}.{key}" for key, value in held.items() if not isinstance(value, dict))


def error_json(error: BadRequestError | RequestError) -> dict[str, Any]:
    """Return an error as plain data."""
    out: dict[str, Any] = {"code": error.code, "message": str(error)}
    if isinstance(error, RequestError):
        out["violations"] = [{"field": v.field, "description": v.description} for v in error.violations]
    return out


def _read_spanning(data: bytes, first_line: int) -> Iterator[Source]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # At least the lines that are sound can be answered.
        yield from _by_line(data, first_line)
        return
    found: list[Source] = []
    position, decoder = _space(text, 0), json.JSONDecoder()
    while position < len(text):
        line = first_line + text.count("\n", 0, position)
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            if _has_whole_lines(data):
                yield from _by_line(data, first_line)
            else:
                yield from found
                yield Source("", line, BadRequestError("invalid_json", _json_problem(error, first_line - 1)))
            return
        found.append(Source(text[position:end], line))
        position = _space(text, end)
    yield from found


def _by_line(data: bytes, first_line: int) -> Iterator[Source]:
    for number, part in enumerate(data.splitlines(), first_line):
        if part.strip():
            yield _source(part, number)


def _source(data: bytes, line: int) -> Source:
    try:
        return Source(data.decode("utf-8-sig"), line)
    except UnicodeDecodeError as error:
        problem = BadRequestError("invalid_json", f"is not UTF-8 at byte {error.start + 1} of the line")
        return Source("", line, problem)


def _has_whole_lines(data: bytes) -> bool:
    """Whether it looks like one request a line: some line other than the first is an object by itself."""
    return any(part.startswith(b"{") and _is_json(part) for part in data.splitlines()[1:])


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _json_problem(error: Exception, lines_before: int = 0) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg.lower()} (line {error.lineno + lines_before}, column {error.colno})"
    return f"is not JSON: {'nested too deeply' if isinstance(error, RecursionError) else _first_line(error)}"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
