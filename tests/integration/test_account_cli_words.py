"""`pdp login`, `account`, `session` in Chinese and English, at a real staff port; `pdp login --oidc` with a browser."""

from __future__ import annotations

import http.client
import io
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from pdp.cli import login
from pdp.cli.account_reviews import WORDS as REVIEW_WORDS
from pdp.cli.account_words import FACTORS, KINDS, REQUEST_STATES, STATES, WORDS
from pdp.cli.main import main
from pdp.cli.session_log import OUTCOMES
from pdp.cli.session_log import WORDS as SIGN_IN_WORDS
from pdp.v1 import account_pb2, account_service_pb2
from tests.integration.accounts_steps import PASSWORD, RISK, USER, Hands, Person
from tests.integration.oidc_provider import OpenIdProvider, openid_provider
from tests.integration.oidc_steps import identity
from tests.integration.staffed import Staffed, staffed
from tests.integration.test_sign_in_log import ship

CHINESE = re.compile("[一-鿿]")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Desk(NamedTuple):
    """A staff port with two Admins, and somebody whom the provider knows."""

    port: Staffed
    provider: OpenIdProvider
    admins: list[Person]
    address: str
    ca: Path


Run = Callable[..., Ended]


@dataclass
class Browser:
    """What a browser shows; `instead` is where it goes when not where the provider sends it."""

    status: int = 0
    page: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[int] = ()
    instead: str = "{location}"
    _ended: threading.Event = field(default_factory=threading.Event)

    def answered(self) -> Browser:
        """Wait until it shows something: the command may have ended before."""
        assert self._ended.wait(30)
        return self


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("staff")
    with openid_provider(tmp_path_factory.mktemp("id"), Hands()) as provider:
        client = provider.client(label="Bank ID", second_factor_acr=("phr",))
        with staffed(folder, provider=client, issuer=provider.issuer) as port:
            provider.clock = port.office.clock
            admins = port.run(port.office.admins(2))
            ca = folder / "ca.pem"
            ca.write_bytes(port.authority.pem)
            yield Desk(port, provider, admins, f"localhost:{port.server.address.port}", ca)


@pytest.fixture
def run(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PDP_STAFF_LISTEN", desk.address)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def call(who: str, *arguments: object, said: str = "") -> Ended:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / who))
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def enter(desk: Desk, run: Run) -> Callable[[Person, str], Ended]:
    """Sign somebody in by password and code, in a language."""

    def entered(person: Person, lang: str) -> Ended:
        said = f"{person.password}\n{person.code(desk.port.office.clock)}\n"
        done = run(person.name, "login", person.name, "--stdin", "--ca", desk.ca, "--lang", lang, said=said)
        desk.port.office.clock.later(30)
        return done

    return entered


@pytest.fixture
def browser(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser that is opened, whose user is signed in at the provider; returns what it shows."""
    shown = Browser()
    desk.provider.reset(desk.port.office.clock)

    def visit(location: str) -> tuple[int, str]:
        parts = urlsplit(location)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            response = connection.getresponse()
            shown.headers = dict(response.headers)
            return response.status, response.read().decode()
        finally:
            connection.close()

    def opened(url: str) -> bool:
        desk.provider.browse(url)
        base = desk.provider.location.partition("?")[0]
        # What else knocks at this port of the machine is not what is waited for.
        shown.others = [
            visit(base)[0], visit(f"{base}?code=x&state=other")[0], visit(f"{base}?code=x")[0],
            visit(f"{base}?state=a&state=b&code=x")[0], visit(base.replace("callback", "favicon.ico"))[0],
        ]  # fmt: skip
        shown.status, shown.page = visit(shown.instead.format(location=desk.provider.location))
        shown._ended.set()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", opened)
    return shown


def hired(desk: Desk) -> str:
    """Make an account that somebody at the provider signs in to; return its name."""
    name = f"zhang-{secrets.token_hex(4)}"
    desk.provider.subject = f"u-{name}"
    one, two = desk.admins
    desk.port.run(desk.port.office.hire(one, two, name, USER, oidc=identity(desk.provider.subject)))
    return name


def test_both_languages_say_the_same() -> None:
    assert set(WORDS["zh"]) == set(WORDS["en"])
    for name, english in WORDS["en"].items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", WORDS["zh"][name])), name
    for table, enum in (
        (STATES, account_pb2.AccountState), (KINDS, account_pb2.RequestKind),
        (REQUEST_STATES, account_pb2.RequestState),
    ):  # fmt: skip
        assert {*table, 0} == set(enum.values())
        assert all(CHINESE.search(zh) and not CHINESE.search(en) for zh, en in table.values())
    assert set(REVIEW_WORDS["zh"]) == set(REVIEW_WORDS["en"])
    assert set(SIGN_IN_WORDS["zh"]) == set(SIGN_IN_WORDS["en"])
    assert {*OUTCOMES, 0} == set(account_service_pb2.SignInOutcome.values())
    for name, english in REVIEW_WORDS["en"].items():
        assert re.findall(r"\{\w+\}", english) == re.findall(r"\{\w+\}", REVIEW_WORDS["zh"][name]), name
    states = {name.removeprefix("states.") for name in REVIEW_WORDS["en"] if name.startswith("states.")}
    named = map(account_pb2.RightsReviewState.Name, account_pb2.RightsReviewState.values()[1:])
    assert states == {name.removeprefix("RIGHTS_REVIEW_STATE_").lower() for name in named}
    assert {"password", "totp", "recovery", "certificate", "oidc", "oidc-mfa"} == set(FACTORS)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_answer_is_in_the_language_that_was_asked_for(
    desk: Desk, run: Run, enter: Callable[[Person, str], Ended], lang: str
) -> None:
    one, two = desk.admins
    answers = [enter(one, lang), enter(two, lang)]
    new, in_words = f"new-{lang}", ("--lang", lang)

    def does(who: Person, *arguments: object, said: str = "") -> str:
        done = run(who.name, *arguments, *in_words, said=said)
        assert done.code == 0, done.err
        answers.append(done)
        return done.out

    risk = ("--risk", RISK, "--reason", "new colleague")
    does(one, "account", "ask", "create", new, "--owner", "Li", "--level", "user", "--oidc-subject", f"u-{lang}", *risk)
    waiting = json.loads(run(one.name, "account", "requests", "--open", "--json").out.splitlines()[0])
    assert waiting["wanted"]["oidc"]["issuer"] == desk.provider.issuer
    assert f"u-{lang} at {desk.provider.issuer}" in does(two, "account", "requests")
    does(two, "account", "review", waiting["id"], "--reason", "known")
    does(two, "account", "approve", waiting["id"])
    executed = does(two, "account", "execute", waiting["id"])
    # Nobody gets a password of somebody who signs in elsewhere.
    assert len(executed.splitlines()) == 1
    does(two, "account", "list")
    assert f"u-{lang}" in does(two, "account", "show", new)
    does(two, "account", "lock", new, "--reason", "not yet")
    locked = does(two, "account", "show", new)
    assert STATES[account_pb2.ACCOUNT_STATE_LOCKED][lang == "en"] in locked
    does(two, "account", "unlock", new, "--reason", "now")
    seen = does(one, "account", "reviews", "--state", "confirmed", "--limit", "500")
    assert new in seen
    assert does(one, "account", "reviews")
    due = does(two, "account", "confirm", new, "--version", 3, "--reason", "still needed")
    assert (new in due, re.search(r"20\d\d-", due) is not None) == (True, True)
    assert new not in does(one, "account", "reviews", "--state", "confirmed", "--name", two.name.upper())
    told = json.loads(run(one.name, "account", "reviews", "--state", "confirmed", "--name", new, "--json").out)
    assert {item["account"]: item["confirmedBy"] for item in told["reviews"]}[new] == two.name
    own = run(two.name, "account", "confirm", two.name, "--version", 1, "--reason", "mine")
    assert (own.code, "cannot confirm their own rights" in own.err) == (1, True)
    reset = json.loads(
        run(one.name, "account", "ask", "change", new, "--oidc-subject", "", *risk, "--json").out
    )  # fmt: skip
    assert "oidc" not in reset["wanted"]
    does(two, "account", "refuse", reset["id"], "--reason", "not needed")
    does(one, "whoami")
    listed = json.loads(run(one.name, "session", "list", "--json").out)
    does(one, "session", "list")
    does(one, "account", "password", "--stdin", said=f"{one.password}\n{PASSWORD}-{lang}\n")
    one.password = f"{PASSWORD}-{lang}"
    does(one, "session", "revoke", listed[0]["id"], "--reason", "test")
    does(two, "logout")
    for answer in answers:
        spoken = bool(CHINESE.search(answer.out))
        assert spoken == (lang == "zh"), answer.out
    assert run(two.name, "whoami").code == 1


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ("登录", "失败", "口令不对", "口令、一次性口令")),
        ("en", ("signed in", "failed", "wrong password", "password, one-time")),
    ],
)
def test_sign_ins_are_told_in_words(
    desk: Desk, run: Run, enter: Callable[[Person, str], Ended], lang: str, words: Sequence[str]
) -> None:
    one, two = desk.admins
    assert enter(one, lang).code == 0
    wrong = Person(two.name, "not it", two.device)
    assert enter(wrong, lang).code == 1
    assert enter(two, lang).code == 0
    ship(desk.port, desk.ca.parent)
    done = run(one.name, "session", "sign-ins", "--account", two.name, "--limit", "1000", "--lang", lang)
    assert done.code == 0, done.err
    assert all(word in done.out for word in words)
    assert done.err == ""
    first = run(two.name, "session", "sign-ins", "--limit", "1", "--json")
    told = json.loads(first.out)
    assert [item["outcome"] for item in told["signIns"]] == ["SIGN_IN_OUTCOME_SIGNED_IN"]
    paged = run(two.name, "session", "sign-ins", "--limit", "1", "--page", told["nextPageToken"], "--lang", lang)
    assert (words[1] in paged.out, "--page" in paged.err) == (True, True)
    nothing = run(one.name, "session", "sign-ins", "--account", "system", "--lang", lang)
    assert nothing.code == 1


def test_the_provider_in_the_browser(desk: Desk, run: Run, browser: Browser, tmp_path: Path) -> None:
    name = hired(desk)
    desk.provider.claims = {"acr": "phr"}
    done = run("me", "login", "--oidc", "--timeout", "20", "--ca", desk.ca, "--lang", "zh", "--device-name", "desk 7")
    assert done.code == 0, done.err
    assert f"已登录为 `{name}`" in done.out
    assert "Bank ID" in done.err
    assert (browser.answered().status, "身份提供方已答复" in browser.page) == (200, True)
    assert browser.others == [400] * 5
    headers = browser.headers
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    who = json.loads(run("me", "whoami", "--json").out)
    assert (who["account"]["name"], who["session"]["factors"]) == (name, ["oidc", "oidc-mfa"])
    assert not who["session"]["limited"]
    kept = (tmp_path / "me" / "jingxi" / "session").read_text()
    assert name in kept
    # The answer as JSON has no token, and what else is said does not come in between.
    told = run("me", "login", "--oidc", "--timeout", "20", "--json")
    assert json.loads(told.out)["token"] == ""
    assert "state=" in told.err


def test_a_second_factor_of_one_s_own(desk: Desk, run: Run, browser: Browser) -> None:
    name = hired(desk)
    done = run("me", "login", "--oidc", "--timeout", "20", "--ca", desk.ca)
    assert (done.code, "a second factor must be set up first" in done.out) == (0, True)
    assert browser.answered().page
    words = run("me", "account", "password", "--stdin", said=f"x\n{PASSWORD}\n").err
    assert "has no password" in words
    # No password is asked for, for there is none: the first line is the code, which is wrong.
    wrong = run("me", "account", "totp", "--stdin", said="000000\n")
    assert (wrong.code, "otpauth://totp/" in wrong.out, "code:" in wrong.err) == (1, True, True)
    assert "一次性口令" not in wrong.out
    shown = run("me", "account", "totp", "--stdin", "--lang", "zh", said="000000\n")
    assert "供验证器使用" in shown.out
    assert desk.port.run(desk.port.office.accounts.get(name)).HasField("pending_totp")
    asked = run("me", "login", "--oidc", "--timeout", "20", "--code", "--stdin", said="123456\n")
    assert asked.code == 0


def test_what_the_provider_refuses(desk: Desk, run: Run, browser: Browser) -> None:
    hired(desk)
    browser.instead = "{location}&error=access_denied&error_description=not%1b%5b31m%20today"
    # Both a code and an error is an error.
    done = run("me", "login", "--oidc", "--timeout", "20", "--ca", desk.ca)
    assert done.code == 1
    assert "Bank ID did not sign you in: access_denied: not[31m today" in done.err
    assert (browser.answered().status, "did not sign you in" in browser.page) == (200, True)
    browser.instead = "{location}"
    desk.provider.subject = "u-nobody"
    done = run("me", "login", "--oidc", "--timeout", "20")
    assert (done.code, "this does not sign anybody in" in done.err) == (1, True)
    assert run("me", "whoami").code == 1


@pytest.mark.parametrize("arguments", [[], ["zhang", "--oidc"], ["--oidc", "--port", "70000"]])
def test_a_login_is_one_or_the_other(run: Run, arguments: list[str]) -> None:
    assert run("me", "login", *arguments).code == 2


def test_an_issuer_alone_is_no_identity(run: Run) -> None:
    asked = ("ask", "create", "x", "--risk", RISK, "--reason", "x", "--oidc-issuer", "https://id.bank.example")
    assert run("me", "account", *asked).code == 2


@pytest.mark.parametrize(("lang", "words"), [("en", "you may only read"), ("zh", "只能读取")])
def test_who_may_only_read_is_told_how_that_ends(lang: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    login._tell_review(account_pb2.Session(account="li"), lang)
    assert capsys.readouterr().out == ""
    login._tell_review(account_pb2.Session(account="li", reading_only=True), lang)
    told = capsys.readouterr().out
    assert (words in told, "pdp account confirm li" in told) == (True, True)
