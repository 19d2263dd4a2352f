"""`pdp bundle export`, `verify` and `show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from pdp.cli.console import console, print_json, table
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.policy_client import Stub, connected
from pdp.cli.staff_client import Target, asking
from pdp.control import signatures
from pdp.engine import bundle as bundles
from pdp.engine.program import Program
from pdp.errors import BundleError, RefusedError
from pdp.lang.sentence import failure_sentence
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.server.messages import NOTHING_PASSES
from pdp.signing import TrustedKeys
from pdp.v1 import bundle_pb2, policy_service_pb2

MAX_BYTES: Final = 64 * 1024 * 1024
"""What clients take."""
_SECONDS: Final = 300.0
_EXPORT_EPILOG = """\b
Examples:
  pdp bundle export out.bundle
  pdp bundle export --revision 12 revision-12.bundle --json

An existing file is replaced at once or not at all.

Exit codes: 0 written, 1 not written, or the service does not answer, 2 wrong command line.
"""
_VERIFY_EPILOG = """\b
Examples:
  pdp bundle verify out.bundle --trust control.pub
  pdp bundle verify out.bundle --trust keys        every `*.pub` in a folder

\b
Checked as every client does before it uses a bundle: its size and form, its hash, the signature by a trusted key,
that all of it can be compiled, and that its golden cases come out as expected.

Exit codes: 0 clients may use it, 1 they must not, 2 wrong command line.
"""
_SHOW_EPILOG = """\b
Examples:
  pdp bundle show out.bundle
  pdp bundle show out.bundle --json

The hash is checked and the signature is not: `pdp bundle verify` does that.

Exit codes: 0 shown, 1 it is no bundle or is damaged, 2 wrong command line.
"""
_WORDS: Final = {
    "en": {
        "written": "revision {revision} written to {file}", "good": "clients may decide by it",
        "revision": "revision", "hash": "hash", "key": "signed by", "size": "size", "unsigned": "nobody",
        "attributes": "attributes", "fields": "fields", "masks": "masks", "maps": "message maps",
        "policies": "policies", "rules": "rules", "golden": "golden cases", "failure": "failure rule",
        "bytes": "{size:,} bytes", "cases": "{count} of {count} as expected",
    },
    "zh": {
        "written": "版本 {revision} 已写入 {file}", "good": "客户端可以据此裁决",
        "revision": "版本", "hash": "哈希", "key": "签名密钥", "size": "大小", "unsigned": "无",
        "attributes": "属性", "fields": "字段", "masks": "脱敏方式", "maps": "报文映射",
        "policies": "策略", "rules": "规则", "golden": "用例", "failure": "失效规则",
        "bytes": "{size:,} 字节", "cases": "{count} 个全部符合预期",
    },
}  # fmt: skip

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
_LANG = click.option("--lang", type=click.Choice(["zh", "en"]), default="en", show_default=True, help="The language.")


class _Read(NamedTuple):
    """A bundle out of a file, its hash checked."""

    signed: bundle_pb2.SignedBundle
    bundle: bundle_pb2.Bundle


@click.command(epilog=_EXPORT_EPILOG)
@_FILE
@click.option("--revision", type=click.IntRange(1), metavar="N", help="The revision.  [default: the one in force]")
@_JSON
@asking
def export(*, file: Path, revision: int | None, as_json: bool, target: Target) -> ExitCode:
    """Write the signed bundle of a revision to FILE, for clients that the service cannot reach."""
    with connected(target) as stub:
        signed = _fetch(stub, revision or 0)
    bundles.parse(signed)
    bundles.write(file, signed)
    if as_json:
        print_json(_about(signed) | {"file": str(file)})
    else:
        words = _WORDS[target.language]
        click.echo(words["written"].format(revision=signed.revision, file=file))
        _print({words["hash"]: signed.hash, words["key"]: signed.key_id, words["size"]: _size(signed, words)})
    return ExitCode.OK


@click.command(epilog=_VERIFY_EPILOG)
@_FILE
@click.option(
    "--trust", required=True, multiple=True, type=click.Path(exists=True, path_type=Path), metavar="KEY",
    help="A public key (PEM), or a folder of them; may be given several times.",
)  # fmt: skip
@_JSON
@_LANG
def verify(*, file: Path, trust: tuple[Path, ...], as_json: bool, lang: str) -> ExitCode:
    """Prove that clients may decide by the bundle in FILE."""
    read = _read(file)
    keys = TrustedKeys({name: key for path in trust for name, key in TrustedKeys.load(path).keys.items()})
    try:
        signatures.verify(read.signed, keys)
    except RefusedError as error:
        raise CommandError(f"`{file}`: {_without_hint(error)}") from error
    grants = GrantTable()
    golden.verify(Program.from_bundle(read.signed, grants=grants), grants)
    count = len(read.bundle.golden_cases)
    if as_json:
        print_json(_about(read.signed) | {"golden_cases": count})
    else:
        words = _WORDS[lang]
        click.echo(words["good"])
        _print(_named(read.signed, words) | {words["golden"]: words["cases"].format(count=count)})
    return ExitCode.OK


@click.command(epilog=_SHOW_EPILOG)
@_FILE
@_JSON
@_LANG
def show(*, file: Path, as_json: bool, lang: str) -> ExitCode:
    """Tell what the bundle in FILE holds, and what it lets pass while no verdict can be had."""
    signed, bundle = _read(file)
    rule = bundle.failure_rule if bundle.HasField("failure_rule") else NOTHING_PASSES
    said = failure_sentence(rule.pass_levels, rule.until_nanos, rule.alarm_events, rule.alarm_seconds)
    counts = {
        "attributes": len(bundle.attributes), "fields": len(bundle.fields), "masks": len(bundle.masks),
        "rules": sum(len(policy.rules) for policy in bundle.policies), "golden": len(bundle.golden_cases),
    }  # fmt: skip
    maps = [f"{found.application}/{found.name}" for found in bundle.message_maps]
    policies = [f"{policy.id} ({len(policy.rules)})" for policy in bundle.policies]
    if as_json:
        print_json(
            _about(signed)
            | counts
            | {"message_maps": maps, "policies": {policy.id: len(policy.rules) for policy in bundle.policies}}
            | {"failure_rule": {"zh": said.zh, "en": said.en}}
        )
        return ExitCode.OK
    words = _WORDS[lang]
    listed = {name: str(count) for name, count in counts.items()}
    listed |= {
        "maps": "\n".join(maps),
        "policies": "\n".join(policies),
        "failure": said.zh if lang == "zh" else said.en,
    }
    order = ("attributes", "fields", "masks", "maps", "policies", "rules", "golden", "failure")
    _print(_named(signed, words) | {words[name]: listed[name] for name in order})
    return ExitCode.OK


def _fetch(stub: Stub, revision: int) -> bundle_pb2.SignedBundle:
    call = stub.GetBundle(policy_service_pb2.GetBundleRequest(revision=revision), timeout=_SECONDS)
    parts = iter(call)
    header = next(parts).header
    if header.size > MAX_BYTES:
        call.cancel()
        raise CommandError(f"the bundle has {header.size:,} bytes, and clients take {MAX_BYTES:,} at most")
    data = b"".join(part.chunk for part in parts)
    return bundle_pb2.SignedBundle(
        bundle=data, hash=header.hash, revision=header.revision, key_id=header.key_id, signature=header.signature
    )


def _read(file: Path) -> _Read:
    """Return a bundle. Raises CommandError and OSError."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise CommandError(f"`{file}` has {size:,} bytes, and clients take {MAX_BYTES:,} at most")
    try:
        signed = bundles.read(file)
        return _Read(signed, bundles.parse(signed))
    except BundleError as error:
        raise CommandError(f"`{file}`: {error}" if str(file) not in str(error) else str(error)) from error


def _about(signed: bundle_pb2.SignedBundle) -> dict[str, Any]:
    return {
        "revision": signed.revision, "hash": signed.hash, "key_id": signed.key_id, "size": len(signed.bundle),
    }  # fmt: skip


def _named(signed: bundle_pb2.SignedBundle, words: dict[str, str]) -> dict[str, str]:
    return {
        words["revision"]: str(signed.revision), words["hash"]: signed.hash,
        words["key"]: signed.key_id or words["unsigned"], words["size"]: _size(signed, words),
    }  # fmt: skip


def _size(signed: bundle_pb2.SignedBundle, words: dict[str, str]) -> str:
    return words["bytes"].format(size=len(signed.bundle))


def _without_hint(error: RefusedError) -> str:
    # What a node would have to do about it is nothing to somebody with a file.
    return str(error).partition(", which this node does not trust")[0] + (
        ", which is none of those given by `--trust`" if error.reason == "unknown_key" else ""
    )


def _print(rows: dict[str, str]) -> None:
    made = table("", "")
    made.show_header = False
    for name, value in rows.items():
        made.add_row(name, value)
    console().print(made)
