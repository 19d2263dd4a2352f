"""What does not go together in the settings of the control store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from pdp.errors import ConfigError
from pdp.server.address import parse_address
from pdp.server.config.sections import Control

MAX_LABELS = 32
_LABEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})=([A-Za-z0-9][A-Za-z0-9._-]{0,62})")


def is_etcd(control: Control) -> bool:
    """Whether the store is a cluster's, which other machines can write to."""
    return control.store is not None and control.store.value.startswith("etcd:")


def labels_of(control: Control) -> Mapping[str, str]:
    """Return a node's labels by name. Raises ConfigError."""
    if control.labels is None:
        return {}
    found: dict[str, str] = {}
    for part in control.labels.split(","):
        match = _LABEL.fullmatch(part.strip())
        if match is None or match[1] in found or len(found) >= MAX_LABELS:
            raise ConfigError(
                f"`control.labels` is `{control.labels}`, and must be `NAME=VALUE,NAME=VALUE` of letters, digits, `.`, "
                f"`-` and `_`, each name once, at most {MAX_LABELS}"
            )
        found[match[1]] = match[2]
    return found


def control_problems(control: Control, *, follows: bool) -> Iterator[tuple[str, str]]:
    """Yield the settings that do not go with others, each with what to do; `follows` when a folder is followed."""
    try:
        labels_of(control)
    except ConfigError as error:
        yield "control.labels", str(error)
    if is_etcd(control):
        yield from _etcd_problems(control, follows=follows)
        return
    # Judged for another machine, the store is not known; then nothing is said about it.
    for name in ("ca", "certificate", "key") if control.store is not None else ():
        if getattr(control, name) is not None:
            words = f"`control.{name}` is for a store in etcd, and `control.store` is SQLite; leave it out"
            yield f"control.{name}", words
    if follows and control.trust is not None and control.signing_key is None:
        yield (
            "control.trust",
            (
                "`control.trust` names by which keys revisions may be signed, and the text of `policies` is signed by "
                "this node: set `control.signing_key` too, or leave `control.trust` out"
            ),
        )


def _etcd_problems(control: Control, *, follows: bool) -> Iterator[tuple[str, str]]:
    if follows:
        yield (
            "policies",
            (
                "a node of a cluster decides by what is published in `control.store`, and cannot follow a folder too; "
                "leave `policies` out and publish with `pdp policy`, or leave `control.store` out"
            ),
        )
    if control.trust is None and control.signing_key is None:
        yield (
            "control.store",
            (
                "a store that other machines write to needs `control.trust`, the public keys by which revisions may "
                "be signed; on the node that publishes `control.signing_key` is enough"
            ),
        )
    given = [name for name in ("ca", "certificate", "key") if getattr(control, name) is not None]
    missing = [name for name in ("ca", "certificate", "key") if name not in given]
    if given and missing:
        yield f"control.{given[0]}", f"`control.{given[0]}` needs {' and '.join(f'`control.{m}`' for m in missing)} too"
    if not given and not control.insecure and not _is_local(control):
        yield (
            "control.store",
            (
                "the control store is on other machines and there is no TLS; set `control.ca`, `control.certificate` "
                "and `control.key`, or `control.insecure: true` to accept plain text"
            ),
        )


def _is_local(control: Control) -> bool:
    url = "" if control.store is None else control.store.value
    try:
        return all(parse_address(member).is_local for member in urlsplit(url).netloc.split(","))
    except (ConfigError, ValueError):
        return True  # it is no address at all, which is said when the store is opened
