"""Decides by a bundle, a line of JSON after the other: the Python part of tests/clients/test_differential.py.

    decide_lines.py --bundle FILE

reads `{"request": <base64 DecideRequest>, "now_nanos": "…", "grants": [<base64 Grant>, …]}` and writes
`{"response": <base64 DecideResponse>}` or `{"error": "…"}` for each. The bundle is not verified.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

from jingxi_client import JingxiError, _engine
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._wire import TypedAction, TypedResource, TypedSubject
from pdp.engine.bundle import read
from pdp.engine.typed import TypedProgram
from pdp.v1 import bundle_pb2


class Grants:
    """The grants of the line."""

    def __init__(self) -> None:
        self.known: dict[str, bundle_pb2.Grant] = {}

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        return self.known.get(grant_id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    grants = Grants()
    engine = _engine.opened(TypedProgram.from_bundle(read(parser.parse_args().bundle), grants=grants))
    for line in sys.stdin:
        asked = json.loads(line)
        found = [bundle_pb2.Grant.FromString(base64.b64decode(text)) for text in asked.get("grants", ())]
        grants.known = {grant.id: grant for grant in found}
        print(json.dumps(_answer(engine, asked)), flush=True)


def _answer(engine: _engine.Engine, asked: dict[str, Any]) -> dict[str, str]:
    payload, now = base64.b64decode(asked["request"]), int(asked["now_nanos"])
    try:
        answer = engine.decide(payload, now)
    except JingxiError as error:
        return {"error": str(error)}
    if not asked.get("grants") and not answer.endswith(_as_known(engine, payload, now)):
        return {"error": "what is left of the rules for the caller decides otherwise"}
    return {"response": base64.b64encode(answer).decode()}


def _as_known(engine: _engine.Engine, payload: bytes, now: int) -> bytes:
    """Return what an answer without grants ends with for a caller that comes often."""
    program, request = engine._program, api.DecideRequest.FromString(payload)
    if request.grant_ids:
        return b""
    held = {
        root: program.typed_attributes(root, getattr(request, root).attributes)
        for root in ("subject", "action", "resource")
    }
    known = program.known(
        TypedSubject(request.subject.id, tuple(request.subject.roles), held["subject"]),
        TypedAction(request.action.name, held["action"]),
        program.typed_attributes("context", request.context),
        program.requested_fields(request),
    )
    if known is None:
        return b""
    resource = TypedResource(request.resource.type, request.resource.id, held["resource"])
    outcome, noteworthy = program.decide_known(known, resource, now)
    return outcome.body + (noteworthy.serialized() if noteworthy else b"")


if __name__ == "__main__":
    main()
