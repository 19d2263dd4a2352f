"""`pdp login --oidc`: the browser goes to the OpenID provider, and what it sends back ends up here."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser

import click

from pdp.cli.account_client import Sessions, secret
from pdp.cli.account_words import WORDS
from pdp.cli.exits import CommandError
from pdp.cli.loopback import Said, listening
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target
from pdp.v1 import account_service_pb2


def sign_in(
    stub: Sessions,
    target: Target,
    device: bytes,
    device_name: str,
    *,
    port: int,
    seconds: int,
    browser: bool,
    ask_code: bool,
    from_stdin: bool,
) -> account_service_pb2.FinishOidcResponse:
    """Return the session. Raises CommandError when nobody signs in at the provider in time, or it refuses."""
    lang, states = target.language, list[str]()
    with listening(port, states, lang) as loopback:
        begun = stub.BeginOidc(
            account_service_pb2.BeginOidcRequest(redirect_uri=loopback.uri, device=device), timeout=TIMEOUT_SECONDS
        )
        states.append(begun.state)
        label = begun.label or WORDS[lang]["provider"]
        within = min(seconds, begun.seconds)
        _open(begun.authorization_url, label, within, lang, browser=browser)
        said = loopback.wait(within)
    _check(said, label, within, lang)
    assert said is not None  # noqa: S101 - `_check` has seen to it
    code = ""
    if ask_code or not begun.provider_second_factor:
        code = secret("ask_code", lang, from_stdin=from_stdin, optional=True)
    answer: account_service_pb2.FinishOidcResponse = stub.FinishOidc(
        account_service_pb2.FinishOidcRequest(
            handle=begun.handle, state=said.state, authorization_code=said.code, issuer=said.issuer, code=code,
            device=device, device_name=device_name,
        ),
        timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    return answer


def _open(url: str, label: str, seconds: int, lang: str, *, browser: bool) -> None:
    browser = browser and _has_display()
    words = WORDS[lang]["browser" if browser else "open"]
    click.echo(words.format(label=label, minutes=max(1, seconds // 60)), err=True)
    click.echo(url, err=True)
    if browser:
        # Some browsers keep who starts them waiting until they are closed.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _has_display() -> bool:
    """Whether a browser has a window to open: one of the terminal's own would take the terminal away."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return named or sys.platform in ("darwin", "win32")


def _check(said: Said | None, label: str, seconds: int, lang: str) -> None:
    if said is None:
        raise CommandError(WORDS[lang]["late"].format(label=label, seconds=seconds))
    if said.error:
        raise CommandError(WORDS[lang]["said_no"].format(label=label, error=said.error))
