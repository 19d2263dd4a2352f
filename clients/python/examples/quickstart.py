"""Masks a message of the sample bank by a running `pdp serve --policies policies`."""

import json
import sys
from pathlib import Path

from jingxi_client import Action, Client, Subject

message = json.loads(Path("policies/samples/core-counter.customer-detail.json").read_text(encoding="utf-8"))
teller = Subject("T1001", roles=["teller"], attributes={"level": 2, "branch": "320400001"})
terminal = {"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}
with Client(sys.argv[1]) as client:
    masked = client.mask(
        message, application="core-counter", name="customer-detail",
        subject=teller, action=Action("query"), context=terminal,
    )  # fmt: skip
for account in masked.message["accounts"]:
    print(masked.message["customer"]["name"], account["no"], account["balance"])
