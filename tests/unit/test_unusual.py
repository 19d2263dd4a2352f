"""What is unusual about a sign-in, class by class; places, distances and speeds; who has to wait at an address."""

from __future__ import annotations

import math
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.control.accounts import failures
from pdp.control.accounts.travel import EARTH_KM, NEAR_KM, PlaceTable, distance
from pdp.control.accounts.unusual import (
    MANY,
    MAX_NETWORKS,
    SEVERITIES,
    USUAL_ACTIONS,
    AnomalyRules,
    class_word,
    of_failure,
    of_sign_in,
    remember,
)
from pdp.errors import ConfigError, RateLimitedError
from pdp.lang.loader.places import PlaceSpec
from pdp.server.config.anomaly_sections import Anomalies, read_places
from pdp.server.staff.throttle import ADDRESSES, WINDOW_SECONDS, AddressThrottle, source_of
from pdp.v1 import account_pb2, anomaly_pb2
from tests.integration.accounts_steps import NOON, SECOND

SHANGHAI, BEIJING, SUZHOU = (31.2304, 121.4737), (39.9042, 116.4074), (31.2989, 120.5853)
PLACES = PlaceTable.of(
    [
        PlaceSpec("上海", *SHANGHAI, ("10.1.0.0/16", "2001:db8:1::/48")),
        PlaceSpec("北京", *BEIJING, ("10.2.0.0/16",)),
        PlaceSpec("苏州", *SUZHOU, ("10.1.200.0/24",)),
    ]
)
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND


def account(**parts: object) -> account_pb2.Account:
    """Return an account that signed in an hour ago from Shanghai, on a device it has."""
    known: dict[str, object] = {
        "name": "zhang", "devices": [{"last_address": "10.1.0.7"}], "recent_networks": ["10.1.0.0/24"],
        "created_nanos": NOON - 100 * DAY, "last_sign_in_nanos": NOON - HOUR, "last_sign_in_address": "10.1.0.7",
    } | parts  # fmt: skip
    return account_pb2.Account(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "parts", "address", "now", "known"),
    [
        ("", {}, "10.1.0.9", NOON, True),
        ("new_device", {}, "10.1.0.9", NOON, False),
        ("", {"devices": []}, "10.1.0.9", NOON, False),  # the first device is nothing new
        ("new_network", {}, "10.1.1.9", NOON, True),
        ("new_network", {}, "", NOON, True),
        ("", {"recent_networks": ["10.3.0.0/24", "10.1.1.0/24"]}, "10.1.1.9", NOON, True),
        ("", {"recent_networks": []}, "10.1.0.9", NOON, True),  # of before networks were kept
        ("new_network", {"recent_networks": []}, "10.1.1.9", NOON, True),
        ("", {"recent_networks": [], "devices": []}, "10.1.1.9", NOON, True),
        ("odd_hour", {}, "10.1.0.9", NOON - 6 * HOUR - 1, True),
        ("", {}, "10.1.0.9", NOON - 6 * HOUR, True),
        ("", {}, "10.1.0.9", NOON + 10 * HOUR - 1, True),
        ("odd_hour", {}, "10.1.0.9", NOON + 10 * HOUR, True),
        ("", {"windows": [{"from_minute": 0, "to_minute": 1440}]}, "10.1.0.9", NOON + 10 * HOUR, True),
        ("many_failures", {"failures": {"count": 3}}, "10.1.0.9", NOON, True),
        ("", {"failures": {"count": 2}}, "10.1.0.9", NOON, True),
        ("unused_account", {"last_sign_in_nanos": NOON - 90 * DAY - 1}, "10.1.0.9", NOON, True),
        ("", {"last_sign_in_nanos": NOON - 90 * DAY}, "10.1.0.9", NOON, True),
        ("unused_account", {"last_sign_in_nanos": 0}, "10.1.0.9", NOON, True),
        ("new_network impossible_travel", {}, "10.2.0.9", NOON, True),
        ("new_network", {"last_sign_in_nanos": NOON - 2 * HOUR}, "10.2.0.9", NOON, True),
        ("new_network", {"last_sign_in_nanos": NOON}, "10.1.200.9", NOON, True),  # near
        ("new_network", {}, "192.0.2.1", NOON, True),  # nobody knows where
        ("", {"last_sign_in_address": "2001:db8:1::5"}, "10.1.0.9", NOON, True),
        ("impossible_travel", {"last_sign_in_address": "10.2.9.9", "last_sign_in_nanos": NOON}, "10.1.0.9", NOON, True),
        ("impossible_travel", {"last_sign_in_address": "10.2.9.9", "last_sign_in_nanos": NOON + HOUR}, "10.1.0.9", NOON,
         True),  # a clock that went back
        ("", {"last_sign_in_address": ""}, "10.1.0.9", NOON, True),
    ],
)  # fmt: skip
def test_each_class(classes: str, parts: dict[str, object], address: str, now: int, known: bool) -> None:
    found = of_sign_in(account(**parts), address, now, AnomalyRules(places=PLACES), UTC, known=known)
    assert {sign.word for sign in found} == set(classes.split())
    assert all(sign.action == USUAL_ACTIONS[sign.kind] and sign.kind in SEVERITIES for sign in found)


def test_what_is_known_of_a_travel() -> None:
    (sign,) = [
        sign for sign in of_sign_in(account(), "10.2.0.9", NOON, AnomalyRules(places=PLACES), UTC, known=True)
        if sign.word == "impossible_travel"
    ]  # fmt: skip
    assert sign.details == {"from": "上海", "to": "北京", "km": "1067", "kmh": "1067", "seconds": "3600"}
    assert not of_sign_in(account(), "10.2.0.9", NOON, AnomalyRules(places=PLACES, kmh=1100), UTC, known=True)[1:]
    assert not of_sign_in(account(), "10.2.0.9", NOON, AnomalyRules(), UTC, known=True)[1:]


def test_usual_hours_may_go_over_midnight() -> None:
    rules = AnomalyRules(usual_from=20, usual_to=4)
    odd = [
        hour for hour in range(24)
        if of_sign_in(account(last_sign_in_nanos=NOON), "10.1.0.9", NOON + (hour - 12) * HOUR, rules, UTC, known=True)
    ]  # fmt: skip
    assert odd == list(range(4, 20))


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((0, 0), (0, 0), 0), ((0, 0), (0, 180), math.pi * EARTH_KM), ((90, 0), (-90, 0), math.pi * EARTH_KM),
        ((0, 0), (0, 90), math.pi / 2 * EARTH_KM), ((0, 179.5), (0, -179.5), math.radians(1) * EARTH_KM),
        (SHANGHAI, BEIJING, 1068), (SHANGHAI, SUZHOU, 85), ((51.4700, -0.4543), (40.6413, -73.7781), 5540),
    ],
)  # fmt: skip
def test_distances(one: tuple[float, float], other: tuple[float, float], km: float) -> None:
    assert distance(*one, *other) == pytest.approx(km, rel=0.005, abs=0.01)


degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(degrees, degrees)
def test_a_distance_is_that_of_the_chord(one: tuple[float, float], other: tuple[float, float]) -> None:
    def point(latitude: float, longitude: float) -> tuple[float, float, float]:
        a, b = math.radians(latitude), math.radians(longitude)
        return math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)

    chord = math.dist(point(*one), point(*other))
    assert distance(*one, *other) == pytest.approx(2 * EARTH_KM * math.asin(min(chord / 2, 1)), abs=1e-3)
    assert distance(*one, *other) == pytest.approx(distance(*other, *one), abs=1e-6)


@given(st.floats(1, 86_400), st.floats(1, 86_400))
def test_who_takes_longer_travels_slower(one: float, other: float) -> None:
    fast, slow = (PLACES.journey("10.1.0.1", "10.2.0.1", seconds) for seconds in sorted((one, other)))
    assert fast is not None
    assert slow is not None
    assert fast.kmh >= slow.kmh
    assert fast.km == slow.km > NEAR_KM


def test_the_narrowest_network_tells_the_place() -> None:
    found = {
        address: PLACES.find(address) for address in ("10.1.0.1", "10.1.200.1", "::ffff:10.2.0.1", "11.0.0.1", "x")
    }
    assert {address: None if spec is None else spec.city for address, spec in found.items()} == {
        "10.1.0.1": "上海", "10.1.200.1": "苏州", "::ffff:10.2.0.1": "北京", "11.0.0.1": None, "x": None,
    }  # fmt: skip


def test_failures_are_worth_a_look_from_the_second_lock_on() -> None:
    counts = [
        count for count in range(1, 3 * MANY) if of_failure(account(failures={"count": count}), AnomalyRules())
    ]  # fmt: skip
    assert counts == list(range(MANY, 3 * MANY, failures.EVERY))


def test_networks_that_were_used_are_remembered_in_order_and_bounded() -> None:
    found = account(recent_networks=[])
    for number in range(MAX_NETWORKS + 5):
        remember(found, f"10.1.{number}.9", NOON, proven=True)
    remember(found, "10.1.10.4", NOON, proven=True)
    remember(found, "10.9.9.9", NOON + 1, proven=False)
    assert found.recent_networks[:2] == ["10.1.10.0/24", f"10.1.{MAX_NETWORKS + 4}.0/24"]
    assert len(set(found.recent_networks)) == MAX_NETWORKS
    # A password alone makes no network known, and is where the account was last used all the same.
    assert (found.last_sign_in_address, found.last_sign_in_nanos) == ("10.9.9.9", NOON + 1)


def test_settings_say_what_is_done_about_each_class() -> None:
    made = Anomalies(new_device="lock", odd_hour="flag", many_failures="record", usual_from=7, travel_kmh=500).rules()
    lock, flag, record = (anomaly_pb2.AnomalyAction.Value(f"ANOMALY_ACTION_{w}") for w in ("LOCK", "FLAG", "RECORD"))
    assert {class_word(kind): action for kind, action in made.actions.items()} == {
        "new_device": lock, "new_network": record, "odd_hour": flag, "many_failures": record,
        "impossible_travel": flag, "unused_account": flag,
    }  # fmt: skip
    assert (made.usual_from, made.kmh, made.places) == (7, 500, None)
    assert Anomalies().rules() == AnomalyRules()


def test_a_places_file(tmp_path: Path) -> None:
    path = tmp_path / "places.yaml"
    path.write_text(
        "kind: Places\nplaces:\n  - {city: 上海, latitude: 31.2, longitude: 121.5, networks: [10.1.0.0/16]}\n"
        "  - {city: Wuhan, latitude: 30.6, longitude: 114, networks: [10.2.0.0/16, '2001:db8::/32']}\n",
        encoding="utf-8",
    )  # fmt: skip
    table = read_places(path)
    assert [spec.city for _, spec in table.places] == ["Wuhan", "上海", "Wuhan"]
    found = table.find("2001:db8::1")
    assert found is not None
    assert (found.city, found.latitude, found.longitude) == ("Wuhan", 30.6, 114.0)


PLACE = "{city: a, latitude: 1, longitude: 0, networks: [10.0.0.0/8]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Places\nplaces: []\n", "holds no places"),
        (f"kind: Places\nplaces: [{PLACE.replace('1,', '91,')}]\n", "outside -90 to 90"),
        ("kind: Places\nplaces: [{city: a, latitude: x, longitude: 0, networks: [10.0.0.0/8]}]\n", "a number"),
        ("kind: Places\nplaces: [{city: a, latitude: 1, longitude: 0, networks: [10.0.0.1/8]}]\n", "no network"),
        ("kind: Places\nplaces: [{city: a, latitude: 1, networks: [10.0.0.0/8]}]\n", "longitude"),
        (f"kind: Places\nplaces: [{PLACE}, {PLACE}]\n", "written twice"),
        ("kind: Callers\ncallers: []\n", "not a kind of document"),
    ],
)  # fmt: skip
def test_a_places_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "places.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_places(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_places(tmp_path / "none.yaml")


class Nanos:
    def __init__(self) -> None:
        self.now = 10**18

    def __call__(self) -> int:
        return self.now


def waits(throttle: AddressThrottle, address: str) -> float:
    try:
        throttle.check(address)
    except RateLimitedError as error:
        return error.retry_seconds
    return 0.0


def test_an_address_waits_after_too_many_failures_and_others_do_not() -> None:
    clock = Nanos()
    throttle = AddressThrottle(30, clock)
    for _ in range(30):
        assert not waits(throttle, "10.1.0.9")
        throttle.failed("10.1.0.9")
    assert waits(throttle, "10.1.0.9") == pytest.approx(WINDOW_SECONDS / 30)
    assert waits(throttle, "::ffff:10.1.0.9")
    assert not waits(throttle, "10.1.0.10")
    clock.now += WINDOW_SECONDS // 30 * SECOND
    assert not waits(throttle, "10.1.0.9")
    throttle.failed("10.1.0.9")
    assert waits(throttle, "10.1.0.9")
    clock.now += WINDOW_SECONDS * SECOND
    assert not waits(throttle, "10.1.0.9")
    assert throttle.refused == 3


def test_addresses_are_bounded_and_networks_of_ipv6_count_as_one() -> None:
    throttle = AddressThrottle(1, Nanos())
    for number in range(ADDRESSES + 10):
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle) == ADDRESSES
    assert not waits(throttle, "10.0.0.9")
    assert waits(throttle, "10.0.0.10")
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1") != source_of("2001:db8:0:1::1")
    free = AddressThrottle(0, Nanos())
    for _ in range(100):
        free.failed("10.0.0.1")
    assert (waits(free, "10.0.0.1"), len(free)) == (0.0, 0)
