"""The README is true: its code runs, its tables name what there is."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import jingxi_client
from client_support import VECTORS, Service, reply_of
from jingxi_client import Client, JingxiError, Subject, errors
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client.aio import AsyncClient
from jingxi_client.asgi import MaskingMiddleware, Route
from jingxi_client.decorators import masked
from jingxi_client.offline import OfflineClient

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_masking_and_asking(service: Service, target: str) -> None:
    put_map(service)
    shown: list[Any] = []
    scope: dict[str, Any] = {
        "message": {"mobile": "13812348000"},
        "send_to_the_screen": shown.append,
        "Resource": jingxi_client.Resource,
    }
    masking, asking, *_ = BLOCKS
    opening = 'Client("localhost:7070")'
    assert opening in masking
    exec(masking.replace(opening, f'Client("{target}", deadline=30)'), scope)  # noqa: S102
    exec(asking, scope)  # noqa: S102
    scope["client"].close()
    assert shown == [{"mobile": "138****8000"}]
    assert [verdict.field for verdict in scope["decision"].verdicts] == ["mobile", "name"]


def test_the_calling_code_is_small() -> None:
    assert len(BLOCKS[0].splitlines()) <= 15


def test_asyncio(service: Service, target: str) -> None:
    put_map(service)
    scope: dict[str, Any] = {"AsyncClient": AsyncClient, "Subject": Subject}
    exec(BLOCKS[2].replace('"localhost:7070"', f'"{target}", deadline=30'), scope)  # noqa: S102
    assert asyncio.run(scope["show"]({"mobile": "13812348000"})).message == {"mobile": "138****8000"}


def test_no_verdict(service: Service, target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_map(service)
    answering = service.answer

    def fail(_: Any) -> Any:
        raise RuntimeError("the service fails")

    service.answer = fail
    scope: dict[str, Any] = {
        "Client": Client, "Subject": Subject, "page_the_operator": lambda _: None, "message": {"mobile": "13812348000"},
    }  # fmt: skip
    code = BLOCKS[3].replace('"localhost:7070"', f'"{target}", deadline=30').replace("/var/lib/teller", str(tmp_path))
    exec(code, scope)  # noqa: S102
    scope["client"].close()
    service.answer = answering
    assert scope["masked"].message == {"mobile": "***"}
    assert capsys.readouterr().out == "bad_answer () True\n"


def test_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundles = VECTORS / "bundles"
    scope: dict[str, Any] = {"OfflineClient": OfflineClient, "Subject": Subject, "message": {"name": "张三"}}
    code = BLOCKS[4].replace("/var/lib/teller", str(tmp_path))
    code = code.replace('"bundle.pb"', repr(str(bundles / "verdicts.pb")))
    exec(code.replace('"trust.pub"', repr(str(bundles / "test.pub"))), scope)  # noqa: S102
    scope["client"].close()
    assert scope["masked"].message == {"name": "张*"}
    assert capsys.readouterr().out == "7\n"


def test_frameworks(service: Service, target: str) -> None:
    put_map(service)
    with Client(target, deadline=30) as client:
        scope: dict[str, Any] = {
            "client": client, "app": None, "Subject": Subject, "MaskingMiddleware": MaskingMiddleware, "Route": Route,
            "teller_of": lambda _: "T1001", "masked": masked, "load": lambda _: {"mobile": "13812348000"},
        }  # fmt: skip
        exec(BLOCKS[5], scope)  # noqa: S102
        exec(BLOCKS[6], scope)  # noqa: S102
        assert isinstance(scope["app"], MaskingMiddleware)
        assert scope["customer"]("T1001", "C1") == {"mobile": "138****8000"}


def put_map(service: Service) -> None:
    source = bundle_pb2.MessageMap(application="core-counter", name="customer-detail")
    source.parts.add(path="$").fields.add(field="mobile", paths=["$.mobile"])
    service.put_map(source)
    keep = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
    service.answer = lambda item: reply_of(dict.fromkeys(item.fields or ["mobile"], keep))


def test_masks_alone() -> None:
    *setup, last = BLOCKS[7].strip().splitlines()
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
