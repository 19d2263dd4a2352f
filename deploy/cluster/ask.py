"""What a teller of the sample bank sees of a customer, asked of each node as a business system asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from deploy.cluster.node import PdpNode
from deploy.cluster.pki import Files
from jingxi_client import Action, Client, JingxiError, Subject

_SAMPLE = Path("samples", "core-counter.customer-detail.json")
_TELLER = Subject("T1001", roles=["teller"], attributes={"level": 2, "branch": "320400001"})
_WHERE = {"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a node: the customer as the teller sees them, or what went wrong."""

    node: str
    revision: int = 0
    name: str = ""
    landline: str = ""
    problem: str = ""


def ask(nodes: list[PdpNode], files: Files, policies: Path, *, deadline: float = 5.0) -> Iterator[Answer]:
    """Ask each node for the sample customer of the bank in `policies`."""
    message = json.loads((policies / _SAMPLE).read_text(encoding="utf-8"))
    credentials = grpc.ssl_channel_credentials(
        files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
    )
    for node in nodes:
        try:
            with Client(node.address, credentials=credentials, deadline=deadline) as client:
                masked = client.mask(
                    message, application="core-counter", name="customer-detail",
                    subject=_TELLER, action=Action("query"), context=_WHERE,
                )  # fmt: skip
        except JingxiError as error:
            yield Answer(node.name, problem=str(error))
            continue
        revision = max((part.decision.revision for part in masked.decisions if part.decision), default=0)
        customer = masked.message["customer"]
        yield Answer(node.name, revision, customer["name"], customer["landline"])
