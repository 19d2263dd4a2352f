"""Where things stand in the control store.

| key | value |
|---|---|
| head | `Head`: what is in force |
| rollout | `Rollout`: the one that is running, or the last one |
| revisions/000000000012 | `Revision`, written once |
| drafts/NAME | `Draft` |
| ended/000000000012 | `Rollout` of this candidate as it ended, written once |
| blobs/HASH/0000 | a piece of a compressed text, bundle or change under its SHA-256; written once |
| garbage/HASH | since when a blob has had no name, in nanoseconds since 1970 as 8 bytes; see `garbage` |
| nodes/NAME | `NodeStatus`, under the node's lease |
| known/NAME | `NodeStatus` as it was when the node last began or changed its revision; stays when the node is gone |
| accounts/NAME | `Account` |
| accounting | how often accounts changed in what they may do, as 8 bytes; 0 or absent before the first account |
| sessions/HASH | `Session` under the SHA-256 of its token, with a lease that ends when it does |
| requests/ID | `RightsRequest`; in the order of keys the newest comes first |
| identities/HASH | the name of the account that carries the identity whose issuer and subject have this SHA-256 |
| oidc/HASH | random bytes: the sign-in whose state has this SHA-256 was finished; with a lease that outlasts it |
| first/HASH | until when the token with this SHA-256 makes the first account, in nanoseconds since 1970 as 8 bytes |
| grants/ID | `GrantRecord`; in the order of keys the newest is first |
| active/ID | `ActiveGrant` while it holds, under a lease that ends with it |
| active/- | nothing; written with every change of `active/` but the end of a lease, so that its version counts them |
| uses/ID | `GrantUses` of a grant that may be used a number of times only |
| reports/KIND/CLIENT | `ReportMark`: how far what a client reports is recorded |
| consents/HASH | the grant that a consent's id became, and the SHA-256 of its statement, for a day |
| callers/NAME | `Caller` |
| callers/- | nothing; written with every change of `callers/`, so that whoever knows when it was knows all of them |
| caller_changes/ID | `CallerChange`; in the order of keys the newest is first |
| caller_uses/NAME/TOKEN | when a token was last used, in nanoseconds since 1970 as 8 bytes, to the minute |
| anomalies/ID | `Anomaly`; in the order of keys the newest is first |
"""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = "head"
ROLLOUT: Final = "rollout"
REVISIONS: Final = "revisions/"
DRAFTS: Final = "drafts/"
ENDED: Final = "ended/"
BLOBS: Final = "blobs/"
GARBAGE: Final = "garbage/"
NODES: Final = "nodes/"
KNOWN: Final = "known/"
ACCOUNTS: Final = "accounts/"
ACCOUNTING: Final = "accounting"
SESSIONS: Final = "sessions/"
REQUESTS: Final = "requests/"
FIRST: Final = "first/"
IDENTITIES: Final = "identities/"
OIDC: Final = "oidc/"
GRANTS: Final = "grants/"
ACTIVE: Final = "active/"
GRANTED: Final = "active/-"
USES: Final = "uses/"
CONSENTS: Final = "consents/"
REPORTS: Final = "reports/"
CALLERS: Final = "callers/"
CALLERS_CHANGED: Final = "callers/-"
CALLER_CHANGES: Final = "caller_changes/"
CALLER_USES: Final = "caller_uses/"
ANOMALIES: Final = "anomalies/"

_MAX_NODE = 255
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def revision_key(number: int) -> str:
    """Return the key of a revision; in the order of keys revisions stand in the order of their numbers."""
    return f"{REVISIONS}{number:012d}"


def draft_key(name: str) -> str:
    """Return the key of a draft."""
    return DRAFTS + name


def blob_prefix(digest: str) -> str:
    """Return what the keys of a blob's pieces begin with."""
    return f"{BLOBS}{digest}/"


def ended_key(number: int) -> str:
    """Return the key of a rollout that has ended, by its candidate."""
    return f"{ENDED}{number:012d}"


def garbage_key(digest: str) -> str:
    """Return the key that marks a blob as without a name."""
    return GARBAGE + digest


def node_key(name: str) -> str:
    """Return the key under which a node tells how it is while it lives."""
    return NODES + name


def known_key(name: str) -> str:
    """Return the key that tells that a node was there."""
    return KNOWN + name


def active_key(grant_id: str) -> str:
    """Return the key under which a grant stands while it holds."""
    return ACTIVE + grant_id


def uses_key(grant_id: str) -> str:
    """Return the key that counts the uses of a grant."""
    return USES + grant_id


def caller_uses(name: str) -> str:
    """Return what the keys begin with that tell when a caller's tokens were last used."""
    return f"{CALLER_USES}{name}/"


def report_key(kind: str, client: str) -> str:
    """Return the key that tells how far a client's reports of a kind are recorded."""
    return f"{REPORTS}{kind}/{client}"


def is_node_name(text: str) -> bool:
    """Whether a text can name a node: printable, at most 255 bytes in UTF-8."""
    return bool(text) and text.isprintable() and len(text.encode(errors="replace")) <= _MAX_NODE


def is_name(text: str) -> bool:
    """Whether a text can name a draft: a letter or digit, and then letters, digits, `.`, `-` and `_`, at most 64."""
    return _NAME.fullmatch(text) is not None
