"""What comes with the package and what does not, and its documentation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pdoc.doc

import jingxi_client
from jingxi_client import _core


def test_the_core_makes_no_call() -> None:
    assert not hasattr(_core, "open_channel")


def test_the_plain_client_does_without_the_engine_and_the_extras() -> None:
    code = (
        "import sys, jingxi_client, jingxi_client.aio, jingxi_client.asgi, jingxi_client.offline\n"
        "print(sorted({'pdp', 'cryptography', 'starlette', 'cel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


# Those that users import; the others begin with an underscore.
PUBLIC = [
    "jingxi_client",
    *(f"jingxi_client.{m.name}" for m in iter_modules(jingxi_client.__path__) if m.name[0] != "_"),
]


def _documented(module: pdoc.doc.Module) -> Iterator[pdoc.doc.Doc[Any]]:
    """Yield what stands in the API documentation of a module, as pdoc sees it."""
    yield module
    for member in module.own_members:
        if not member.name.startswith("_"):
            yield member
            if isinstance(member, pdoc.doc.Class):
                yield from (own for own in member.own_members if not own.name.startswith("_"))


def test_everything_public_is_documented() -> None:
    found = [member for name in PUBLIC for member in _documented(pdoc.doc.Module.from_name(name))]
    assert {"jingxi_client.offline.OfflineClient.mask", "jingxi_client.aio.AsyncClient.decide"} <= {
        member.fullname for member in found
    }
    # Fields of a dataclass are described by their class.
    assert [
        member.fullname
        for member in found
        if not member.docstring.strip() and not isinstance(member, pdoc.doc.Variable)
    ] == []


def test_the_documentation_can_be_built(tmp_path: Path) -> None:
    pdoc.pdoc(*PUBLIC, output_directory=tmp_path)
    assert "OfflineClient" in (tmp_path / "jingxi_client" / "offline.html").read_text("utf-8")
