"""Callers as others may see them, and what a change of one changed, in words for the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pdp.control.steps import moment
from pdp.v1 import caller_pb2

_LISTS = ("certificates", "applications", "subjects", "calls", "grants")


def without_hashes(caller: caller_pb2.Caller) -> caller_pb2.Caller:
    """Return a caller without what its tokens are recognised by."""
    told = caller_pb2.Caller()
    told.CopyFrom(caller)
    for token in told.tokens:
        token.ClearField("sha256")
    return told


def told_change(change: caller_pb2.CallerChange) -> caller_pb2.CallerChange:
    """Return a change as others may see it."""
    told = caller_pb2.CallerChange()
    told.CopyFrom(change)
    told.wanted.CopyFrom(without_hashes(change.wanted))
    for step in told.steps:
        step.ClearField("content_hash")
    return told


def kind_word(kind: int) -> str:
    """Return what a change does in a word, such as `add-token`."""
    name = caller_pb2.CallerChangeKind.Name(kind)
    return name.removeprefix("CALLER_CHANGE_KIND_").lower().replace("_", "-")


def differences(before: caller_pb2.Caller | None, after: caller_pb2.Caller | None) -> Mapping[str, str]:
    """Return what a change changed, `PART.before` and `PART.after` for each part that differs; None for no caller."""
    old, new = _parts(before), _parts(after)
    told: dict[str, str] = {}
    for name, value in new.items():
        if old[name] != value:
            told[f"{name}.before"] = old[name]
            told[f"{name}.after"] = value
    return told


def _parts(caller: caller_pb2.Caller | None) -> Mapping[str, str]:
    if caller is None:
        return dict.fromkeys(_parts(caller_pb2.Caller()), "")
    return {
        "owner": caller.owner,
        "description": caller.description,
        **{name: ", ".join(getattr(caller, name)) for name in _LISTS},
        "tokens": _tokens(caller.tokens),
        "consent_key": caller.consent_key,
        "rate": f"{caller.rate.per_second}/s, {caller.rate.burst} at once" if caller.HasField("rate") else "",
        "bundles": _yes(caller.bundles, caller),
        "reports": _yes(caller.reports, caller),
        "state": ("disabled" if caller.disabled else "enabled") if caller.name else "",
    }


def _yes(value: bool, caller: caller_pb2.Caller) -> str:
    return ("yes" if value else "no") if caller.name else ""


def _tokens(tokens: Iterable[caller_pb2.CallerToken]) -> str:
    return ", ".join(
        f"{token.id} until {moment(token.expires_nanos)}" if token.expires_nanos else token.id for token in tokens
    )
