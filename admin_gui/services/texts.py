"""Policy texts as requests name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

IN_FORCE: Final = policy_service_pb2.PolicyText(revision=0)


def text_of(files: Mapping[str, str]) -> policy_service_pb2.PolicyText:
    """Return files as a text that the request brings along."""
    made = control_pb2.Sources(files=[control_pb2.PolicyFile(path=path, text=files[path]) for path in sorted(files)])
    return policy_service_pb2.PolicyText(sources=made)
