"""Requests in JSON text: where each begins, and what is wrong with it."""

from __future__ import annotations

import io
import json

import pytest

from pdp.cli.requests import BadRequestError, Source, parse_message, read_requests

ONE = {"subject": {"id": "T1"}, "fields": ["mobile"]}
LINE = json.dumps(ONE)
PRETTY = json.dumps(ONE, indent=2)


def read(data: str | bytes) -> list[Source]:
    return list(read_requests(io.BytesIO(data.encode() if isinstance(data, str) else data)))


def lines_of(data: str | bytes) -> list[tuple[int, str]]:
    """Return each source's line, and `ok` or its problem's code."""
    return [(s.line, s.problem.code if s.problem else "ok") for s in read(data)]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("", []),
        ("\n \n", []),
        (LINE, [1]),
        (f"\ufeff{LINE}\n", [1]),
        (f"{LINE}\r\n\r\n{LINE}\r\n", [1, 3]),
        (PRETTY, [1]),
        (f"\n\n{PRETTY}\n", [3]),
        (f"{PRETTY}\n{PRETTY}\n{LINE}{LINE}", [1, 9, 17, 17]),
    ],
    ids=["empty", "blank", "one line", "byte order mark", "windows", "spanning", "spanning later", "several spanning"],
)
def test_finds_requests(data: str, lines: list[int]) -> None:
    found = read(data)
    assert [source.line for source in found] == lines
    assert all(parse_message(source.text.strip()).subject.id == "T1" for source in found)


def test_a_stream_is_read_as_it_arrives() -> None:
    class Stream(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            assert line, "read on though the first request was not answered yet"
            return line

        def __next__(self) -> bytes:
            return self.readline()

    assert next(read_requests(Stream(f"{LINE}\n".encode()))).line == 1


def test_a_bad_line_does_not_hide_the_others() -> None:
    found = read(f"{LINE}\n{{oops\n{LINE}\n")
    assert [source.line for source in found] == [1, 2, 3]
    with pytest.raises(BadRequestError, match="is not JSON"):
        parse_message(found[1].text)


def test_a_bad_first_line_does_not_either() -> None:
    assert [line for line, _ in lines_of(f"{{oops\n{LINE}\n{LINE}\n")] == [1, 2, 3]


def test_an_error_in_a_spanning_request_is_one_error_at_its_place() -> None:
    (source,) = read(PRETTY.replace('"T1"', "T1"))
    assert source.problem is not None
    assert source.problem.code == "invalid_json"
    assert "line 3, column 11" in str(source.problem)


def test_bytes_that_are_not_utf_8_are_one_error() -> None:
    assert lines_of(LINE.encode() + b'\n{"subject": "\xff"}\n' + LINE.encode()) == [
        (1, "ok"),
        (2, "invalid_json"),
        (3, "ok"),
    ]
    assert lines_of(b"\xff\n" + LINE.encode()) == [(1, "invalid_json"), (2, "ok")]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "invalid_json", "is not JSON"),
        ("[]", "invalid_json", "a request is a JSON object"),
        ("null", "invalid_json", "a request is a JSON object"),
        ("[" * 100_000, "invalid_json", "nested too deeply"),
        ('{"subject": {"id": ' + "9" * 5_000 + "}}", "invalid_json", "is not JSON"),
        ('{"subjekt": {}}', "invalid_request", 'no field named "subjekt"'),
        ('{"subject": {"id": 3}}', "invalid_request", "subject"),
        ('{"subject": 3}', "invalid_request", "subject"),
        ('{"subject": {"id": "a", "id": "b"}}', "invalid_request", "uplicate"),
        ('{"subject": {"attributes": {"level": {"intValue": "x"}}}}', "invalid_request", "intValue"),
        ('{"subject": {"attributes": {"level": {"intValue": 9223372036854775808}}}}', "invalid_request", "intValue"),
        ('{"subject": {"attributes": {"level": {"intValue": 1, "doubleValue": 1}}}}', "invalid_request", "oneof"),
        ('{"subject": {"attributes": {"level": 3}}}', "invalid_request", "`subject.attributes.level` says no type"),
        ('{"context": {"at": {"timestampValue": "yesterday"}}}', "invalid_request", "timestampValue"),
        ('{"fields": "mobile"}', "invalid_request", "fields"),
        ('{"fields": [null]}', "invalid_request", "fields"),
        ('{"subject": {"id": "\\ud800"}}', "invalid_request", ""),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, code: str, words: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_message(text)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_spellings_of_names_are_read() -> None:
    camel = parse_message('{"requestId": "r", "grantIds": ["G"], "minRevision": "7"}')
    snake = parse_message('{"request_id": "r", "grant_ids": ["G"], "min_revision": 7}')
    assert camel == snake
