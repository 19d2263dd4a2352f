"""The settings of the OpenID provider that people sign in at, as `pdp.server.settings` holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from pdp.control.accounts import OidcRules
from pdp.control.accounts.oidc.rules import is_issuer
from pdp.server.config.kinds import File, Secret, SecretText, Text
from pdp.server.config.meta import Meta

_OPENID = "openid"
_WORDS = Text("以空格分隔的值", "values, separated by blanks")
_MAX_WORDS = 20


@dataclass(frozen=True, slots=True)
class Oidc:
    """The OpenID provider; without `issuer` people sign in by passwords alone."""

    issuer: Annotated[
        str | None,
        Meta(
            Text("URL", "a URL"),
            "身份提供方的 issuer，与其 `/.well-known/openid-configuration` 所写完全一致",
            "the provider's issuer, exactly as its `/.well-known/openid-configuration` says it",
            sample="https://id.bank.example/realms/staff",
        ),
    ] = None
    client_id: Annotated[
        str | None,
        Meta(
            Text(),
            "本系统在身份提供方登记的客户端；登记的重定向地址为 `http://127.0.0.1/callback`，端口任意",
            "this system's client at the provider, with the redirect address `http://127.0.0.1/callback` for any port",
            sample="jingxi",
        ),
    ] = None
    client_secret: Annotated[
        Secret | None,
        Meta(
            SecretText(),
            "该客户端的密钥；公共客户端没有",
            "that client's secret; a public client has none",
            sample="{file: secrets/oidc}",
        ),
    ] = None
    scopes: Annotated[str, Meta(_WORDS, "请求的 scope", "the scopes that are asked for")] = _OPENID
    ca: Annotated[
        Path | None,
        Meta(
            File(),
            "签发身份提供方证书的 CA（PEM）；缺省为本系统信任的 CA",
            "the authorities that issue the provider's certificate (PEM); those that this system trusts by default",
            sample="tls/id-ca.pem",
        ),
    ] = None
    second_factor_acr: Annotated[
        str | None,
        Meta(
            _WORDS,
            "ID 令牌的 `acr` 为其中之一时，身份提供方的第二因素算数；缺省不算",
            "the provider's own second factor counts when the ID token's `acr` is one of these; without any, never",
            sample="phr phrh",
        ),
    ] = None
    second_factor_amr: Annotated[
        str | None,
        Meta(
            _WORDS,
            "ID 令牌的 `amr` 含其中之一时，身份提供方的第二因素算数；缺省不算",
            "the same when one of these is in the ID token's `amr`",
            sample="mfa hwk",
        ),
    ] = None
    label: Annotated[
        str | None,
        Meta(Text(), "身份提供方在登录界面上的名称", "what people know the provider by", sample="Bank ID"),
    ] = None
    label_zh: Annotated[
        str | None,
        Meta(Text(), "其中文名称；缺省同 `label`", "the same in Chinese; as `label` by default", sample="行员统一认证"),
    ] = None

    def rules(self) -> OidcRules | None:
        """Return what the control plane needs to know; None without a provider."""
        if self.issuer is None or self.client_id is None:
            return None
        return OidcRules(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret="" if self.client_secret is None else self.client_secret.value,
            scopes=tuple(self.scopes.split()),
            second_factor_acr=tuple((self.second_factor_acr or "").split()),
            second_factor_amr=tuple((self.second_factor_amr or "").split()),
            label=self.label or "",
            label_zh=self.label_zh or "",
        )


def oidc_problems(oidc: Oidc) -> Iterator[tuple[str, str]]:
    """Yield the settings that cannot be, or do not go with others, each with what to do."""
    if oidc.issuer is None:
        for given in fields(oidc):
            if getattr(oidc, given.name) != given.default:
                yield f"accounts.oidc.{given.name}", f"`accounts.oidc.{given.name}` needs `accounts.oidc.issuer` too"
        return
    if not is_issuer(oidc.issuer):
        yield (
            "accounts.oidc.issuer",
            (
                f"`{oidc.issuer[:200]}` is no issuer; write a URL that begins with `https://` and has neither user, "
                "query nor fragment (`http://` for one on this machine alone)"
            ),
        )
    if oidc.client_id is None:
        yield "accounts.oidc.issuer", "`accounts.oidc.issuer` needs `accounts.oidc.client_id` too"
    elif not (oidc.client_id.isascii() and oidc.client_id.isprintable()):
        yield "accounts.oidc.client_id", "`accounts.oidc.client_id` is printable ASCII (RFC 6749, appendix A.1)"
    if _OPENID not in oidc.scopes.split():
        yield "accounts.oidc.scopes", f"`accounts.oidc.scopes` must contain `{_OPENID}`, or there is no ID token"
    for name in ("scopes", "second_factor_acr", "second_factor_amr"):
        words = (getattr(oidc, name) or "").split(" ")
        if len(words) > _MAX_WORDS or not all(word.isascii() and word.isprintable() for word in words):
            yield f"accounts.oidc.{name}", f"`accounts.oidc.{name}` is at most {_MAX_WORDS} words of printable ASCII"
    for name in ("label", "label_zh"):
        label = getattr(oidc, name)
        if label is not None and (len(label) > 60 or not label.isprintable()):
            yield f"accounts.oidc.{name}", f"`accounts.oidc.{name}` is at most 60 characters in one line"
