"""decisions.json and the bundles it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdp.v1 import bundle_pb2
from tests.vectors.making.refusals import refused
from tests.vectors.making.sets import KEY, REVISION, Case, PolicySet, golden_cases, json_of, read_cases, resolve
from tests.vectors.making.text import compact

BANK = Path(__file__).resolve().parents[3] / "policies"
ABOUT = (
    "What every offline client must decide. `bundles` are serialized SignedBundles of revision 7, signed by the key in "
    "bundles/test.pub. A case gives a request, the time and the grants that exist (other grants are not found) and the "
    "answer without its decision_id; `message` of a diagnostic is free, the order of repeated fields counts, that of "
    "maps does not. `refusals` are files that must not come into use, `in_use` being the bundle that is."
)


def make(folder: Path) -> dict[str, bytes]:
    """Return all files by their name below `tests/vectors`. Raises DifferenceError."""
    sets = {"bank": PolicySet("bank", resolve(BANK))}
    cases: dict[str, list[Case]] = {
        "bank": [*_of_bank(sets["bank"].signed), *read_cases(folder / "sources" / "bank" / "cases.json")]
    }
    for source in sorted(path.parent for path in (folder / "sources").glob("*/policies.yaml")):
        texts = {"policies.yaml": (source / "policies.yaml").read_text()}
        sets[source.name] = PolicySet(source.name, resolve(texts))
        cases[source.name] = read_cases(source / "cases.json")
    files = {f"bundles/{name}.pb": _bytes(found.signed) for name, found in sets.items()}
    files["bundles/test.pub"] = KEY.public_pem()
    refusals = []
    for refusal in refused(sets["verdicts"].signed):
        files[refusal.file] = refusal.data
        refusals.append(refusal.as_json())
    table = {
        "$schema": "decisions.schema.json",
        "about": ABOUT,
        "revision": REVISION,
        "bundles": {name: f"bundles/{name}.pb" for name in sets},
        "cases": [_case(sets[name], case) for name, found in cases.items() for case in found],
        "refusals": refusals,
    }
    files["decisions.json"] = _text(table).encode()
    return files


def _of_bank(signed: bundle_pb2.SignedBundle) -> Iterator[Case]:
    for case in golden_cases(signed):
        yield Case(f"bank/{case.id}", case.now, case.request, case.grants)


def _case(found: PolicySet, case: Case) -> dict[str, Any]:
    written = case.as_json()
    head = {"id": written.pop("id"), "bundle": found.name}
    return {**head, **written, "expected": json_of(found.decide(case))}


def _text(table: Mapping[str, Any]) -> str:
    """Return a table as JSON, one case a line so that a change shows as a line."""
    parts = []
    for name, value in table.items():
        if isinstance(value, list):
            lines = ",\n".join("    " + compact(item) for item in value)
            parts.append(f"  {compact(name)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {compact(name)}: {compact(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _bytes(signed: bundle_pb2.SignedBundle) -> bytes:
    return signed.SerializeToString(deterministic=True)
