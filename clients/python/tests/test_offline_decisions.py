"""Offline decisions against the table that all languages share."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from google.protobuf import json_format

from client_support import VECTORS, expected_gaps, load
from jingxi_client import BundleError, _engine
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from pdp.v1 import bundle_pb2 as engine_bundle_pb2

TABLE = load("decisions.json")


class Grants:
    """The grants of a case."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def get(self, grant_id: str) -> Any:
        return self.known.get(grant_id)


@functools.cache
def engine(name: str) -> tuple[_engine.Engine, Grants]:
    grants = Grants()
    trust = _engine.trusted(VECTORS / "bundles" / "test.pub")
    return _engine.load((VECTORS / TABLE["bundles"][name]).read_bytes(), trust, None, grants), grants


@pytest.mark.parametrize("case", expected_gaps(TABLE["cases"]))
def test_vector(case: dict[str, Any]) -> None:
    found, grants = engine(case["bundle"])
    grants.known = {
        grant["id"]: json_format.ParseDict(grant, engine_bundle_pb2.Grant()) for grant in case.get("grants", ())
    }
    request = json_format.ParseDict(case["request"], api.DecideRequest())
    answer = api.DecideResponse.FromString(found.decide(request.SerializeToString(), int(case["now_nanos"])))
    wanted = json_format.ParseDict(case["expected"], api.DecideResponse())
    for diagnostic in [*answer.diagnostics, *wanted.diagnostics]:
        diagnostic.message = ""
    assert answer == wanted


@pytest.mark.parametrize("case", expected_gaps(TABLE["refusals"]))
def test_refusal(case: dict[str, Any]) -> None:
    trust = _engine.trusted(VECTORS / "bundles" / "test.pub")
    in_use = engine(case["in_use"])[0] if "in_use" in case else None
    with pytest.raises(BundleError) as caught:
        _engine.load((VECTORS / case["file"]).read_bytes(), trust, in_use)
    assert caught.value.reason == case["why"]
