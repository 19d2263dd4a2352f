"""What signing in is made of, without a service: profiles, the device's secret, presence, and why a code fails."""

from __future__ import annotations

import base64
import json
import stat
import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from admin_gui.domain import totp as codes
from admin_gui.domain.failure import Failure
from admin_gui.domain.profiles import Profile
from admin_gui.services.device import DeviceFileError, device_secret
from admin_gui.views.sign_in.presence import Presence
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context
from pdp.control.accounts import totp


def test_connections_are_remembered_edited_and_forgotten(qtbot: QtBot, window: Window, context: Context) -> None:
    start, chosen = window.start, list[Profile]()
    start.profile_chosen.disconnect()
    start.profile_chosen.connect(chosen.append)
    for address, words in (("bank", "主机:端口"), ("bank:99999", "端口应为")):
        start._address.setText(address)
        start._open.click()
        assert words in start.banner._text.text()
    start._address.setText("bank.example:7443")
    start._open.click()
    assert chosen == [Profile("bank.example:7443")]
    start.used("bank.example:7443", "li")
    assert start.known.all == [Profile("bank.example:7443", account="li")]
    start.known.edit.click()
    from admin_gui.views.profile import ProfileDialog

    [dialog] = start.known.findChildren(ProfileDialog)
    dialog.name.setText("总行")
    dialog.ca.setText("/nowhere/ca.pem")
    dialog.save.click()
    assert "/nowhere/ca.pem" in dialog.banner._text.text()
    dialog.ca.clear()
    dialog.key.setText("/nowhere/key.pem")
    dialog.save.click()
    assert "一并填写" in dialog.banner._text.text()
    dialog.key.clear()
    dialog.save.click()
    again = Window(context, None)
    assert again.start.known.all == [Profile("bank.example:7443", "总行", account="li")]
    again.start.known.delete.click()
    assert again.start.known.all == []
    again.deleteLater()


def test_the_device_file_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "session"
    secret = device_secret(path)
    assert len(secret) == 32
    assert device_secret(path) == secret
    path.chmod(0o644)
    with pytest.raises(DeviceFileError, match="chmod 600"):
        device_secret(path)
    path.chmod(0o600)
    path.write_text('{"device": "c2hvcnQ", "ports": {}}')
    with pytest.raises(DeviceFileError, match="damaged"):
        device_secret(path)


def test_windows_that_begin_at_once_are_one_device(tmp_path: Path) -> None:
    for number in range(5):
        path, begun = tmp_path / str(number) / "session", threading.Barrier(8)
        found: list[bytes] = []

        def begin(path: Path = path, begun: threading.Barrier = begun, found: list[bytes] = found) -> None:
            begun.wait(30)
            found.append(device_secret(path))

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (len(found), len(set(found))) == (8, 1)
        assert [one.name for one in path.parent.iterdir()] == ["session"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # What the command line has kept there without a secret is kept.
    path.write_text('{"device": "", "ports": {"bank:1": {}}}')
    secret = device_secret(path)
    assert (device_secret(path), json.loads(path.read_text())["ports"]) == (secret, {"bank:1": {}})


def test_what_people_do_counts_and_what_the_program_asks_does_not(window: Window) -> None:
    now = 0.0
    presence = Presence(600, 10_000, window, lambda: now)
    told: list[object] = []
    presence.idle.connect(lambda: told.append("idle"))
    presence.used.connect(lambda: told.append("used"))
    presence.idle_soon.connect(told.append)
    presence.ends_soon.connect(lambda left: told.append(("ends", left)))
    now = 250
    presence.look()
    assert told == []
    presence.touch()
    presence.look()
    assert told == ["used"]
    now = 250 + 545
    presence.look()
    presence.touch()
    presence.look()
    assert told[1:] == [55, 0, "used"]
    now = 9_800
    presence.touch()
    presence.look()
    assert told[4:6] == [("ends", 200), "used"]
    now += 600
    presence.look()
    assert told[-1] == "idle"
    presence.stop()


def test_why_a_code_does_not_count() -> None:
    # RFC 6238, appendix B.
    secret = b"12345678901234567890"
    for now, code in ((59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")):
        assert codes.code_at(secret, now // codes.STEP_SECONDS) == code == totp.code_at(secret, now // 30)
    shown, now = base64.b32encode(secret).decode().rstrip("="), 1_800_000_000.0
    refused = Failure("INVALID_ARGUMENT", "code: is not what this authenticator shows now")

    def said(offset: int, text: str = "") -> str:
        return codes.why(refused, shown, text or codes.code_at(secret, 60_000_000 + offset), now).say.zh

    assert "慢约 10 分钟" in said(-20)
    assert "快约 3 分钟" in said(6)
    assert "快约 60 分钟" in said(120)
    # It is what the telephone should show, so another clock is wrong.
    assert "联系运维" in said(0)
    assert "联系运维" in said(-1)
    for text in (codes.code_at(secret, 60_000_000 + 121), "abc", "12345"):
        assert "此刻显示的 6 位数字" in said(0, text)
    assert codes.why(refused, "not base32!", "123456", now).reason == "TOTP_WRONG"
    assert codes.why(refused, shown, "000000", now).details.startswith("INVALID_ARGUMENT")
