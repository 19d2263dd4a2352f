"""Who signs in and who has to wait, as the metrics of a real service tell it; a places file that is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pdp.v1 import account_service_pb2, account_service_pb2_grpc
from tests.integration.accounts_steps import PASSWORD
from tests.integration.operated import PATIENCE, Operated
from tests.integration.running import write_policies

CONFIG = "staff: {accounts: 'on'}\nworkers: 1\naccounts:\n  address_failures: 2\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Operated]:
    write_policies(tmp_path)
    made = Operated(tmp_path, CONFIG)
    yield made
    assert made.end() == 0


def test_who_has_to_wait_is_counted(service: Operated, tmp_path: Path) -> None:
    assert service.metric("pdp_sign_in_anomalies_total", **{"class": "impossible_travel"}) == 0
    codes = []
    with grpc.insecure_channel(f"unix:{tmp_path / 'data' / 'staff.sock'}") as channel:
        stub = account_service_pb2_grpc.SessionServiceStub(channel)
        for number in range(4):
            asked = account_service_pb2.SignInRequest(name=f"n{number}", password=PASSWORD, device=bytes(32))
            with pytest.raises(grpc.RpcError) as caught:
                stub.SignIn(asked, timeout=PATIENCE)
            codes.append(caught.value.code())
    unknown, exhausted = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED
    assert codes == [unknown, unknown, exhausted, exhausted]
    assert service.metric("pdp_sign_ins_throttled_total") == 2


def test_a_places_file_with_errors_is_refused_at_the_start(tmp_path: Path) -> None:
    write_policies(tmp_path)
    text = "kind: Places\nplaces: [{city: a, latitude: 91, longitude: 0, networks: []}]\n"
    (tmp_path / "places.yaml").write_text(text)
    (tmp_path / "pdp.yaml").write_text(
        "policies: policies\ndata: data\nlisten: 127.0.0.1:0\nadmin: {listen: 'off'}\nstaff: {accounts: 'on'}\n"
        "accounts:\n  anomalies: {places: places.yaml}\n"
    )
    command = [sys.executable, "-m", "pdp.cli", "serve", "--config", str(tmp_path / "pdp.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert "places.yaml:2:" in done.stderr
    assert "outside -90 to 90 degrees" in done.stderr
