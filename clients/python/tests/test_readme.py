"""The README is true: its code runs, its tables name what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import jingxi_client
from client_support import Service, reply_of
from jingxi_client import Client, JingxiError, errors
from jingxi_client._gen.pdp.v1 import bundle_pb2

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_masking_and_asking(service: Service, target: str) -> None:
    source = bundle_pb2.MessageMap(application="core-counter", name="customer-detail")
    source.parts.add(path="$").fields.add(field="mobile", paths=["$.mobile"])
    service.put_map(source)
    keep = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
    service.answer = lambda item: reply_of(dict.fromkeys(item.fields or ["mobile"], keep))
    shown: list[Any] = []
    scope: dict[str, Any] = {
        "message": {"mobile": "13812348000"},
        "send_to_the_screen": shown.append,
        "Resource": jingxi_client.Resource,
    }
    masking, asking, _ = BLOCKS
    opening = 'Client("localhost:7070")'
    assert opening in masking
    exec(masking.replace(opening, f'Client("{target}", deadline=30)'), scope)  # noqa: S102
    exec(asking, scope)  # noqa: S102
    scope["client"].close()
    assert shown == [{"mobile": "138****8000"}]
    assert [verdict.field for verdict in scope["decision"].verdicts] == ["mobile", "name"]


def test_the_calling_code_is_small() -> None:
    assert len(BLOCKS[0].splitlines()) <= 15


def test_masks_alone() -> None:
    *setup, last = BLOCKS[2].strip().splitlines()
    call, shown = last.split("  # ")
    scope: dict[str, Any] = {}
    exec("\n".join(setup), scope)  # noqa: S102
    assert eval(call, scope) == shown  # noqa: S307


def test_every_parameter_of_the_client() -> None:
    parameters = list(inspect.signature(Client).parameters.values())
    rows = re.findall(r"^\| `([a-z_]+)` \| (\S*)", README, re.MULTILINE)
    assert [name for name, _ in rows] == [parameter.name for parameter in parameters]


def test_every_error_in_readme_docstring_and_package() -> None:
    known = {
        name: found for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, JingxiError)
    }
    listed = set(re.findall(r"^\| `([A-Za-z]+Error)` \|", README, re.MULTILINE))
    assert listed == set(known) - {"JingxiError"}
    for name, found in known.items():
        assert re.search(rf"\b{name} +code `{found.code}`", errors.__doc__ or "")
        assert getattr(jingxi_client, name) is found
    assert len({found.code for found in known.values()}) == len(known)


def test_public_names() -> None:
    assert len(set(jingxi_client.__all__)) == len(jingxi_client.__all__)
    for name in jingxi_client.__all__:
        assert hasattr(jingxi_client, name)
