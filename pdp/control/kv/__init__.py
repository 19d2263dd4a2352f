"""The versioned key-value store of the control plane: `base` says what it does, `sqlite` and `etcd` do it.

A store is named by a URL: `sqlite:/path/to/control.db`, or `etcd://host:port,host:port` and, if need be, the prefix of
its keys as the path, such as `/jingxi/`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pdp.control.kv.base import KeyValueStore
from pdp.control.kv.tls import EtcdTls
from pdp.errors import ConfigError

__all__ = ["open_store"]


def open_store(url: str, *, tls: EtcdTls | None = None, timeout: float = 5.0) -> KeyValueStore:
    """Open a store whose calls take at most `timeout` seconds; with `tls` etcd is reached by TLS. Raises ConfigError.

    Whether the store is there shows at the first call, which raises ControlStoreError.
    """
    parts = urlsplit(url)
    # The URL itself may hold a password, so none of these repeats it.
    if parts.scheme == "sqlite":
        path = Path(unquote(parts.path))
        if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
            raise ConfigError("the URL is `sqlite:` and an absolute path, such as `sqlite:/data/control.db`")
        from pdp.control.kv.sqlite import SqliteStore  # noqa: PLC0415 - only the one in use

        return SqliteStore(path, timeout=timeout)
    if parts.scheme == "etcd":
        if parts.query or parts.fragment:
            raise ConfigError("an etcd store's URL is `etcd://host:port,host:port/prefix/`, without more")
        try:
            from pdp.control.kv.etcd import EtcdStore  # noqa: PLC0415 - needs an extra
        except ImportError as error:
            raise ConfigError(
                "a store in etcd needs the extra `cluster`; install it with `pip install jingxi[cluster]`"
            ) from error
        scheme = "http" if tls is None else "https"
        members = [f"{scheme}://{member}" for member in parts.netloc.split(",")]
        return EtcdStore(members, tls=tls, namespace=unquote(parts.path) or "/jingxi/", timeout=timeout)
    raise ConfigError("the control store's URL must begin with `sqlite:` or `etcd://`")
