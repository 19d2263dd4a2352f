"""Who signs in and who has to wait, as the metrics of a real service tell it; a places file that is wrong."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pdp.control.callers.tokens import make_token, token_hash
from pdp.v1 import account_service_pb2, account_service_pb2_grpc, decision_service_pb2_grpc
from tests.commands import program
from tests.integration.accounts_steps import PASSWORD
from tests.integration.operated import PATIENCE, Operated, request, wait_for
from tests.integration.running import write_policies

CONFIG = """\
staff: {accounts: 'on'}
workers: 1
callers: callers.yaml
siem: {file: events.log}
accounts:
  address_failures: 2
  review_days: 7
"""
TOKEN = make_token()
ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Operated]:
    """A service with one account, whose rights are due, and a caller whose tokens end soon."""
    write_policies(folder)
    ends = datetime.now(UTC) + timedelta(days=3, hours=1)
    (folder / "callers.yaml").write_text(
        "kind: Callers\ncallers:\n  - name: counter\n    applications: ['*']\n    subjects: ['*']\n    tokens:\n"
        f"      - {{id: a, sha256: '{'0' * 64}', expires_at: '{ends:%Y-%m-%dT%H:%M:%SZ}'}}\n"
        f"      - {{id: b, sha256: '{token_hash(TOKEN)}', expires_at: '{ends:%Y-%m-%dT%H:%M:%SZ}'}}\n"
    )
    made = Operated(folder, CONFIG)
    with grpc.insecure_channel(f"unix:{folder / 'data' / 'staff.sock'}") as channel:
        asked = account_service_pb2.CreateFirstAccountRequest(
            token=made.first_token, name="chen", owner="Chen Wei", password=PASSWORD
        )
        account_service_pb2_grpc.SessionServiceStub(channel).CreateFirstAccount(asked, timeout=PATIENCE)
    yield made
    assert made.end() == 0


def test_who_has_to_wait_is_counted(service: Operated, folder: Path) -> None:
    assert service.metric("pdp_sign_in_anomalies_total", **{"class": "impossible_travel"}) == 0
    codes = []
    with grpc.insecure_channel(f"unix:{folder / 'data' / 'staff.sock'}") as channel:
        stub = account_service_pb2_grpc.SessionServiceStub(channel)
        for number in range(4):
            asked = account_service_pb2.SignInRequest(name=f"n{number}", password=PASSWORD, device=bytes(32))
            with pytest.raises(grpc.RpcError) as caught:
                stub.SignIn(asked, timeout=PATIENCE)
            codes.append(caught.value.code())
    unknown, exhausted = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED
    assert codes == [unknown, unknown, exhausted, exhausted]
    assert service.metric("pdp_sign_ins_throttled_total") == 2
    assert "2 sign-ins had to wait" in service.command("--interval", "0").stdout


def test_what_waits_for_people_is_told_soon(service: Operated) -> None:
    # A week is less than the notice, so it is due from the first day on.
    wait_for(lambda: service.metric("pdp_rights_reviews", state="due") == 1)
    assert service.metric("pdp_rights_reviews") == 1
    assert service.metric("pdp_anomalies_open") == 0
    assert service.metric("pdp_caller_access_ends", state="soon") == 1
    waiting = service.status()["people"]["waiting"]
    assert waiting["reviews"] == {"confirmed": 0, "due": 1, "overdue": 0}
    assert waiting["anomalies"] == {}
    told = service.command("--interval", "0").stdout
    assert "1 rights due for one" in told
    assert "counter: its last token ends in 3 d" in told


def test_which_token_a_system_still_shows_is_told(service: Operated) -> None:
    def unused(token: str) -> float:
        return service.metric("pdp_caller_token_unused_seconds", caller="counter", token=token)

    # Neither was shown since the start.
    assert 0 < unused("a") <= unused("b")
    before = unused("b")
    shown = [("authorization", f"Bearer {TOKEN}")]
    with grpc.insecure_channel(service.address) as channel:
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        stub.Decide(request(), timeout=PATIENCE, metadata=shown)
        wait_for(lambda: unused("b") < before)
    assert unused("b") < unused("a")


def test_alerts_speak_of_what_a_service_tells(service: Operated) -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"\bpdp_\w+", rule["expr"])}
    assert {"pdp_anomalies_open_seconds", "pdp_rights_reviews", "pdp_siem_lag_seconds"} <= named

    def told() -> set[str]:
        families = list(text_string_to_metric_families(service.get("/metrics")[1].decode()))
        return {sample.name for family in families for sample in family.samples} | {
            family.name + ("_total" if family.type == "counter" else "") for family in families
        }

    # What the shipper tells comes with its first look, what calls count with the first call.
    missing: set[str] = set()

    def all_told() -> bool:
        missing.clear()
        missing.update(named - told())
        return not missing

    try:
        wait_for(all_told)
    except AssertionError:
        pytest.fail(f"alerts name what no service tells: {sorted(missing)}")


def test_a_places_file_with_errors_is_refused_at_the_start(tmp_path: Path) -> None:
    write_policies(tmp_path)
    text = "kind: Places\nplaces: [{city: a, latitude: 91, longitude: 0, networks: []}]\n"
    (tmp_path / "places.yaml").write_text(text)
    (tmp_path / "pdp.yaml").write_text(
        "policies: policies\ndata: data\nlisten: 127.0.0.1:0\nadmin: {listen: 'off'}\nstaff: {accounts: 'on'}\n"
        "accounts:\n  anomalies: {places: places.yaml}\n"
    )
    command = [program(), "serve", "--config", str(tmp_path / "pdp.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert "places.yaml:2:" in done.stderr
    assert "outside -90 to 90 degrees" in done.stderr
