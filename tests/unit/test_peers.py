"""What is believed of the other end of a call, and from whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.errors import ConfigError
from pdp.server.config.kinds import Secret
from pdp.server.peers import PROXY_HEADER, TOKEN_HEADER, Peer, PeerReader, certificate_names
from pdp.server.settings import Settings, parse_address

SECRET = "s" * 64
LOCAL = "ipv4:127.0.0.1:5000"
DIRECT, PROXIED = PeerReader(), PeerReader(proxy_secret=SECRET)


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (None, None),
        ("Bearer jx_a", "jx_a"),
        ("bearer  jx_a ", "jx_a"),
        ("Basic eDp5", ""),
        ("jx_a", ""),
        ("Bearer", ""),
        ("", ""),
    ],
)
def test_reads_a_bearer_token(value: str | None, token: str | None) -> None:
    assert DIRECT.header == TOKEN_HEADER
    assert DIRECT.read(value, "ipv4:10.0.0.1:5") == Peer(token, (), "ipv4:10.0.0.1:5")


@pytest.mark.parametrize("connection", [LOCAL, "ipv6:[::1]:5", "ipv6:%5B::1%5D:5", "unix:", "unix:/run/pdp.sock"])
def test_believes_a_proxy_on_this_machine(connection: str) -> None:
    assert PROXIED.header == PROXY_HEADER
    value = f"{SECRET} 10.0.0.7 jx_a %E6%9F%9C%E9%9D%A2%2001"
    assert PROXIED.read(value, connection) == Peer("jx_a", ("cn:柜面 01",), "10.0.0.7")
    assert PROXIED.read(f"{SECRET} 10.0.0.7  counter", connection) == Peer(None, ("cn:counter",), "10.0.0.7")
    assert PROXIED.read(f"{SECRET} 10.0.0.7 jx_a ", connection) == Peer("jx_a", (), "10.0.0.7")
    assert PROXIED.read(f"{SECRET} 10.0.0.7  ", connection) == Peer(None, (), "10.0.0.7")


@pytest.mark.parametrize(
    ("value", "connection"),
    [
        (f"{SECRET} 10.0.0.7 jx_a counter", "ipv4:10.0.0.1:5"),
        (f"{SECRET} 10.0.0.7 jx_a counter", "ipv6:[2001:db8::1]:5"),
        (f"{'x' * 64} 10.0.0.7 jx_a counter", LOCAL),
        (" 10.0.0.7 jx_a counter", LOCAL),
        (f"{SECRET} 10.0.0.7 jx_a", LOCAL),
        (f"{SECRET} 10.0.0.7 jx_a counter more", LOCAL),
        ("柜面 a b c", LOCAL),
        ("Bearer jx_a", LOCAL),
        (None, LOCAL),
    ],
)
def test_believes_nobody_else(value: str | None, connection: str) -> None:
    assert PROXIED.read(value, connection, ("cn:counter",)) == Peer(None, (), connection)


def test_a_header_sent_twice_says_nothing() -> None:
    assert DIRECT.read_metadata([("a", "b"), (TOKEN_HEADER, "Bearer x")], LOCAL) == Peer("x", (), LOCAL)
    assert DIRECT.read_metadata([(TOKEN_HEADER, "Bearer x"), (TOKEN_HEADER, "Bearer y")], LOCAL).token == ""
    assert DIRECT.read_metadata([(PROXY_HEADER, f"{SECRET} a b c")], LOCAL) == Peer(None, (), LOCAL)
    value = f"{SECRET} a  counter"
    assert PROXIED.read_metadata([(PROXY_HEADER, value)], LOCAL).certificate_names == ("cn:counter",)
    assert PROXIED.read_metadata([(PROXY_HEADER, value), (PROXY_HEADER, value)], LOCAL).certificate_names == ()
    # Behind a proxy what stands in `authorization` has not been judged by it.
    assert PROXIED.read_metadata([(TOKEN_HEADER, "Bearer x")], LOCAL).token is None


def test_names_of_a_certificate_have_kinds() -> None:
    context = {
        "transport_security_type": [b"ssl"],
        "x509_common_name": [b"Counter 01"],
        "peer_dns": [b"Counter.Bank"],
        "peer_uri": [b"spiffe://bank/Counter"],
        "peer_email": [b"a@bank"],
        "x509_subject_alternative_name": [b"Counter.Bank", b"a@bank"],
    }
    assert certificate_names(context) == ("dns:counter.bank", "uri:spiffe://bank/Counter", "cn:Counter 01")
    assert certificate_names({"transport_security_type": [b"insecure"]}) == ()


@pytest.mark.parametrize("secret", ["", "short", "a" * 40 + " b", "密" * 40])
def test_a_weak_secret_of_the_proxy_is_refused(secret: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand"):
        Settings(Path(), callers=Path(), trusted_proxy=Secret(secret, "file"))


def test_a_proxy_is_trusted_on_this_machine_and_for_callers_only() -> None:
    trusted = Secret(SECRET, "file")
    assert Settings(Path(), callers=Path(), trusted_proxy=trusted)
    with pytest.raises(ConfigError, match="without `callers` that means nothing"):
        Settings(Path(), trusted_proxy=trusted)
    with pytest.raises(ConfigError, match="on this machine only"):
        Settings(Path(), parse_address("0.0.0.0:7070"), callers=Path(), trusted_proxy=trusted, insecure=True)
