"""Receives what an OpenID provider sends back to this machine (RFC 8252, section 7.3): one redirect, on 127.0.0.1."""

from __future__ import annotations

import html
import queue
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from pdp.cli.account_words import WORDS
from pdp.cli.exits import CommandError
from pdp.cli.interrupts import pressing

PATH: Final = "/callback"
_MAX_FIELDS = 20
_READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """What the redirect says: a code, or the provider's error; `issuer` is empty when it does not say it."""

    state: str
    code: str
    issuer: str
    error: str


class Loopback:
    """Listens. Redirects of another state than the expected one are answered and forgotten."""

    def __init__(self, server: ThreadingHTTPServer, said: queue.Queue[Said | None]) -> None:
        self._said = said
        self.uri = f"http://127.0.0.1:{server.server_port}{PATH}"

    def wait(self, seconds: float) -> Said | None:
        """Return what the redirect says; None when none came in time. Raises KeyboardInterrupt for Ctrl-C."""
        try:
            said = self._said.get(timeout=seconds)
        except queue.Empty:
            return None
        if said is None:
            raise KeyboardInterrupt
        return said


class _Server(ThreadingHTTPServer):
    # Browsers open connections ahead of need and leave them idle, which must not hold the one that counts.
    daemon_threads = True

    def server_bind(self) -> None:
        """See http.server, which besides asks for this machine's name and may wait for that."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever breaks off is not the redirect that is waited for."""


@contextmanager
def listening(port: int, state: list[str], lang: str) -> Iterator[Loopback]:
    """Listen on a port, 0 for any free one; `state` gets what the redirect's state must be once it is known.

    Raises CommandError when the port cannot be had.
    """
    said: queue.Queue[Said | None] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        timeout = _READ_SECONDS
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            """Take the redirect."""
            found = _read(self.path)
            if found is None or found.state not in state:
                self._show(HTTPStatus.BAD_REQUEST, "page_other")
                return
            self._show(HTTPStatus.OK, "page_failed" if found.error else "page_done")
            said.put(found)

        def _show(self, status: HTTPStatus, words: str) -> None:
            page = _page(WORDS[lang]["page_title"], WORDS[lang][words], lang).encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page))),
                # The address of this page holds the code: nothing may carry it on.
                ("Content-Security-Policy", "default-src 'none'"), ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing: the request line holds the code."""

    try:
        server = _Server(("127.0.0.1", port), Handler)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandError(WORDS[lang]["no_port"].format(port=port, reason=reason)) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        with pressing(lambda: said.put(None)):
            yield Loopback(server, said)
    finally:
        server.shutdown()
        server.server_close()


def _read(path: str) -> Said | None:
    parts = urlsplit(path)
    if parts.path != PATH:
        return None
    try:
        fields = parse_qs(parts.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    if any(len(values) > 1 for values in fields.values()):
        return None
    given = {name: values[0] for name, values in fields.items()}
    error = ": ".join(_plain(given[name]) for name in ("error", "error_description") if given.get(name))
    if not given.get("state") or not (given.get("code") or error):
        return None
    return Said(given["state"], given.get("code", ""), given.get("iss", ""), error)


def _plain(text: str) -> str:
    """Return what a provider says, without what a terminal would obey."""
    return "".join(character for character in text[:200] if character.isprintable())


def _page(title: str, words: str, lang: str) -> str:
    told: Mapping[str, str] = {"title": html.escape(title), "words": html.escape(words), "lang": lang}
    return '<!doctype html><html lang="{lang}"><title>{title}</title><p>{words}</p></html>\n'.format(**told)
