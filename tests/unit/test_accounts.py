"""The parts of accounts that need no store: permissions, codes, windows, networks, passwords, the sealing key."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from pdp.control.accounts import Hasher, PasswordRules, SecretKey, failures, passwords, places, recovery, totp
from pdp.control.accounts.names import is_name
from pdp.control.accounts.permissions import BRINGS, MAY_HAVE, allows, check_rights, holds_somewhere, rights_of
from pdp.control.accounts.telling import differences, without_secrets
from pdp.errors import ConfigError, RequestError, WrongStateError
from pdp.server.settings import Address, Settings, Staff
from pdp.server.staff.guard import address_of
from pdp.v1 import account_pb2 as pb

NANOS = 10**9


# RFC 6238, appendix B, SHA-1, the last six of the eight digits.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
     (20000000000, "353130")],
)  # fmt: skip
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    secret = b"12345678901234567890"
    step = totp.step_at(seconds * NANOS)
    assert totp.code_at(secret, step) == code
    for drift in (-30, 0, 30):
        assert totp.fitting_step(secret, code, (seconds + drift) * NANOS, 0) == step
    assert totp.fitting_step(secret, code, (seconds + 61) * NANOS, 0) is None
    assert totp.fitting_step(secret, code, seconds * NANOS, step) is None
    assert totp.fitting_step(secret, "二八七", seconds * NANOS, 0) is None


def account(level: pb.AccountLevel, *rights: pb.Right, **more: Any) -> pb.Account:
    return pb.Account(name="a", level=level, state=pb.ACCOUNT_STATE_ACTIVE, rights=rights, **more)


def test_a_right_counts_within_the_level_alone() -> None:
    for level, may_have in MAY_HAVE.items():
        for permission in set().union(*MAY_HAVE.values()):
            found = account(level, pb.Right(permission=permission))
            assert allows(found, permission) == (permission in may_have)
            assert allows(account(level), permission) == (permission in BRINGS[level])
            found.state = pb.ACCOUNT_STATE_LOCKED
            assert not allows(found, permission)
            assert not holds_somewhere(found, permission)
        assert BRINGS[level] <= may_have
    assert not list(rights_of(account(pb.ACCOUNT_LEVEL_UNSPECIFIED, pb.Right(permission=pb.PERMISSION_POLICY_READ))))


def test_no_level_holds_both_sides_of_a_separation() -> None:
    apart = [
        {pb.PERMISSION_POLICY_WRITE, pb.PERMISSION_POLICY_APPROVE},
        {pb.PERMISSION_POLICY_WRITE, pb.PERMISSION_POLICY_PUBLISH},
        {pb.PERMISSION_GRANT_ASK, pb.PERMISSION_GRANT_APPROVE},
        {pb.PERMISSION_ACCOUNT_APPROVE, pb.PERMISSION_SNAPSHOT_READ},
        {pb.PERMISSION_ACCOUNT_APPROVE, pb.PERMISSION_POLICY_WRITE},
        {pb.PERMISSION_ACCOUNT_APPROVE, pb.PERMISSION_POLICY_PUBLISH},
    ]
    assert not [(level, pair) for level, held in MAY_HAVE.items() for pair in apart if pair <= held]


def test_a_scope_bounds_a_right() -> None:
    scope = pb.Scope(applications=["loans", "cards"], branches=["0101"])
    found = account(pb.ACCOUNT_LEVEL_MANAGER, pb.Right(permission=pb.PERMISSION_GRANT_APPROVE, scope=scope))
    approve = pb.PERMISSION_GRANT_APPROVE
    assert allows(found, approve, "loans", "0101")
    for application, branch in (("loans", "0102"), ("other", "0101"), (None, "0101"), ("loans", None), (None, None)):
        assert not allows(found, approve, application, branch)
    assert holds_somewhere(found, approve)


def test_rights_beyond_the_level_cannot_be_asked_for() -> None:
    for one, other in combinations(MAY_HAVE, 2):
        for permission in MAY_HAVE[one] - MAY_HAVE[other]:
            with pytest.raises(RequestError, match="is not for the level"):
                check_rights(account(other, pb.Right(permission=permission)), "wanted")


@pytest.mark.parametrize(
    ("name", "good"),
    [("zhang", True), ("z.hang-1_2@bank", True), ("Zhang", False), ("", False), ("a" * 65, False), (".a", False),
     ("a/b", False), ("system", False), ("folder", False), ("张", False), ("a\n", False)],
)  # fmt: skip
def test_names(name: str, good: bool) -> None:
    assert is_name(name) == good


@pytest.mark.parametrize(
    ("days", "first", "last", "moment", "inside"),
    [
        ([], "08:00", "18:00", "2026-11-18 08:00", True), ([], "08:00", "18:00", "2026-11-18 18:00", False),
        ([3], "08:00", "18:00", "2026-11-18 12:00", True), ([4], "08:00", "18:00", "2026-11-18 12:00", False),
        # Over midnight, from Wednesday to Thursday.
        ([3], "22:00", "06:00", "2026-11-18 23:00", True), ([3], "22:00", "06:00", "2026-11-19 05:59", True),
        ([3], "22:00", "06:00", "2026-11-18 05:00", False), ([7], "22:00", "06:00", "2026-11-16 01:00", True),
        ([], "00:00", "24:00", "2026-11-18 23:59", True),
    ],
)  # fmt: skip
def test_windows(days: list[int], first: str, last: str, moment: str, inside: bool) -> None:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (first, last)]
    window = pb.TimeWindow(days=days, from_minute=minutes[0], to_minute=minutes[1])
    now = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * NANOS
    assert places.is_time([window], now, UTC) == inside
    assert places.is_time([], now, UTC)


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [([], "192.0.2.1", True), (["10.0.0.0/8"], "10.9.9.9", True), (["10.0.0.0/8"], "11.0.0.1", False),
     (["10.0.0.0/8"], "::ffff:10.1.1.1", True), (["fd00::/8"], "fd00::1", True), (["10.0.0.0/8"], "", False),
     (["127.0.0.0/8"], "", True), (["10.0.0.0/8"], "nonsense", False), (["10.1.2.3/16"], "10.1.9.9", True)],
)  # fmt: skip
def test_networks(networks: list[str], address: str, inside: bool) -> None:
    assert places.is_place(networks, address) == inside


@pytest.mark.parametrize(
    ("peer", "address"),
    [("127.0.0.1:5000", "127.0.0.1"), ("%5B::1%5D:5000", "::1"), ("[fd00::2]:1", "fd00::2"), ("", ""), ("x", "")],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_first_passwords_keep_the_rules() -> None:
    made = {passwords.make() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        passwords.check(password, PasswordRules(), "zhang", "password")


def test_locks_grow_and_end_with_a_person() -> None:
    found = account(pb.ACCOUNT_LEVEL_USER)
    waits, now = [], NANOS
    for _ in range(len(failures.LOCK_SECONDS) + 1):
        assert [failures.count(found, now, last_admin=False) for _ in range(3)] == [False, False, True]
        waits.append((found.failures.until_nanos - now) // NANOS)
    assert tuple(waits) == (*failures.LOCK_SECONDS, failures.LOCK_SECONDS[-1])
    assert found.state == pb.ACCOUNT_STATE_LOCKED


def test_recovery_codes_are_of_one_account() -> None:
    key, codes = SecretKey.make(), recovery.make()
    assert len(set(codes)) == recovery.COUNT
    assert all(recovery.looks_like(code) for code in codes)
    mine, other = pb.Account(name="a"), pb.Account(name="b")
    for one in (mine, other):
        one.recovery_hashes.extend(recovery.mark(key, "a", code) for code in codes)
    assert not recovery.use(other, key, codes[0])
    assert recovery.use(mine, key, codes[0])
    assert not recovery.use(mine, key, codes[0])


def test_what_is_sealed_opens_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"
    key = SecretKey.load_or_create(path)
    assert SecretKey.load_or_create(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = key.seal(b"secret", "totp:a")
    assert key.open(sealed, "totp:a") == b"secret"
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for about, data, by in (("totp:b", sealed, key), ("totp:a", damaged, key), ("totp:a", b"", key),
                            ("totp:a", sealed, SecretKey.make())):  # fmt: skip
        with pytest.raises(WrongStateError, match=r"control\.secret_key"):
            by.open(data, about)
    assert path.read_text().strip() not in repr(key)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        SecretKey.load(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(ConfigError, match="openssl rand"):
        SecretKey.load(path)


def test_where_there_is_nothing_to_compare_with_as_much_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    verify = PasswordHasher.verify

    def noted(hasher: PasswordHasher, hashed: str, text: str) -> bool:
        compared.append(hashed)
        return verify(hasher, hashed, text)

    monkeypatch.setattr(PasswordHasher, "verify", noted)

    async def ask() -> tuple[str, list[bool]]:
        made = Hasher(time_cost=2, memory_kib=64, parallelism=1)
        hashed = await made.hash("Correct-Horse-7")
        found = [await made.fits(shown, text) for shown in ("", hashed) for text in ("", "Correct-Horse-7")]
        made.close()
        return hashed, found

    hashed, fits = asyncio.run(ask())
    assert fits == [False, False, False, True]
    # A well-formed hash of the same costs, or it would be refused without any work.
    assert extract_parameters(compared[0]) == extract_parameters(hashed)
    with pytest.raises(VerifyMismatchError):
        verify(PasswordHasher(), compared[0], "")


@pytest.mark.parametrize(("one", "other", "same"), [("a", "a", True), ("a", "b", False), ("\ufb01", "fi", True)])
def test_the_same_password_however_a_keyboard_makes_it(one: str, other: str, same: bool) -> None:
    assert passwords.is_same(one, other) is same


def test_nothing_secret_is_told() -> None:
    hashed = pb.PasswordHash(hash="HIDDEN")
    found = account(
        pb.ACCOUNT_LEVEL_USER, password=hashed, password_history=[hashed], totp=pb.TotpFactor(sealed_secret=b"HIDDEN"),
        pending_totp=pb.TotpFactor(sealed_secret=b"HIDDEN"), recovery_hashes=[b"HIDDEN"],
        devices=[pb.Device(secret_hash=b"HIDDEN", name="desk")],
    )  # fmt: skip
    told = without_secrets(found)
    assert b"HIDDEN" not in told.SerializeToString()
    assert (len(told.recovery_hashes), told.devices[0].name) == (1, "desk")
    assert "HIDDEN" not in str(differences(None, found))


@pytest.mark.parametrize(
    ("staff", "signs_in"),
    [(Staff(), False), (Staff(accounts="on"), True), (Staff(Address("127.0.0.1", 7072)), True), (Staff("off"), False)],
)
def test_who_signs_in(tmp_path: Path, staff: Staff, signs_in: bool) -> None:
    assert Settings(tmp_path, staff=staff).signs_in == signs_in


def test_an_address_that_others_reach_needs_tls(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set `staff\.certificate`"):
        Settings(tmp_path, staff=Staff(Address("0.0.0.0", 7072)))  # noqa: S104 - refused
    with pytest.raises(ConfigError, match="go together"):
        Settings(tmp_path, staff=Staff(certificate=tmp_path))
    address = Address("0.0.0.0", 7072)  # noqa: S104 - with TLS and accounts
    assert Settings(tmp_path, staff=Staff(address, certificate=tmp_path, key=tmp_path)).signs_in
