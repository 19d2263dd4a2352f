"""Which settings of the control store go together, and whose revisions a node believes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pdp.control.kv.tls import EtcdTls
from pdp.errors import ConfigError
from pdp.server.config.control_problems import labels_of
from pdp.server.config.kinds import Secret
from pdp.server.control_plane import _keys
from pdp.server.settings import Control, Settings
from tests.integration.clustered import write_key

LOCAL = Secret("etcd://127.0.0.1:2379,[::1]:2379/p/", "test")
FAR = Secret("etcd://10.0.0.1:2379,127.0.0.1:2379", "test")
SQLITE = Secret("sqlite:/srv/control.db", "test")
TRUST = Path("trust")
TLS = EtcdTls(Path("ca"), Path("certificate"), Path("key"))
ALL_TLS = dataclasses.asdict(TLS)


@pytest.mark.parametrize(
    ("policies", "control"),
    [
        (None, Control()),
        (Path("p"), Control()),
        (Path("p"), Control(store=SQLITE)),
        (Path("p"), Control(trust=TRUST, signing_key=Path("k"))),
        (None, Control(trust=TRUST)),
        (None, Control(store=LOCAL, trust=TRUST)),
        (None, Control(store=LOCAL, signing_key=Path("k"), labels="zone=a, ring=canary")),
        (None, Control(store=FAR, trust=TRUST, insecure=True)),
        (None, Control(store=FAR, trust=TRUST, **ALL_TLS)),
        # Judged for another machine, the store is not known.
        (None, Control(trust=TRUST, **ALL_TLS)),
    ],
)
def test_what_goes_together(policies: Path | None, control: Control) -> None:
    assert Settings(policies, control=control).control == control


@pytest.mark.parametrize(
    ("policies", "control", "name", "words"),
    [
        (Path("p"), Control(store=LOCAL, trust=TRUST), "policies", "cannot follow a folder too"),
        (Path("p"), Control(trust=TRUST), "control.trust", "set `control.signing_key` too"),
        (None, Control(store=LOCAL), "control.store", "needs `control.trust`"),
        (None, Control(store=FAR, trust=TRUST), "control.store", "there is no TLS"),
        (None, Control(store=FAR, trust=TRUST, ca=TLS.ca), "control.ca", "needs `control.certificate` and"),
        (None, Control(store=SQLITE, key=TLS.key), "control.key", "`control.store` is SQLite"),
        (None, Control(labels="zone"), "control.labels", "must be `NAME=VALUE,NAME=VALUE`"),
        (None, Control(labels="a=1,a=2"), "control.labels", "each name once"),
        (None, Control(labels=",".join(f"l{n}=x" for n in range(33))), "control.labels", "at most 32"),
    ],
)
def test_what_does_not(policies: Path | None, control: Control, name: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(policies, control=control)
    ((found, message),) = caught.value.problems
    assert found == name
    assert words in message
    assert "10.0.0.1" not in message, "the URL may hold a secret"


@pytest.mark.parametrize("name", ["n" * 256, "a\nb"])
def test_a_node_has_a_name_that_can_be_told(name: str) -> None:
    with pytest.raises(ConfigError, match="printable"):
        Settings(node=name)


def test_labels_by_name() -> None:
    assert labels_of(Control()) == {}
    assert labels_of(Control(labels="zone=a, ring=canary")) == {"zone": "a", "ring": "canary"}


def test_the_embedded_store_has_a_key_of_its_own_that_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    settings = Settings(data=tmp_path)
    key, trusted = _keys(settings)
    assert key is not None
    assert set(trusted.keys) == {key.id}
    again, _ = _keys(settings)
    assert again is not None
    assert again.id == key.id
    # A key that was replaced has signed what is in force.
    (tmp_path / "keys" / "control" / "node.key").unlink()
    other, trusted = _keys(settings)
    assert other is not None
    assert set(trusted.keys) == {key.id, other.id}


def test_a_node_that_only_decides_has_no_key(tmp_path: Path) -> None:
    made = write_key(tmp_path / "publish.key")
    key, trusted = _keys(Settings(data=tmp_path, control=Control(store=LOCAL, trust=tmp_path / "publish.pub")))
    assert key is None
    assert set(trusted.keys) == {made.id}
    key, trusted = _keys(Settings(data=tmp_path, control=Control(store=LOCAL, signing_key=tmp_path / "publish.key")))
    assert key is not None
    assert set(trusted.keys) == {key.id} == {made.id}


def test_nobody_publishes_what_the_node_itself_would_refuse(tmp_path: Path) -> None:
    write_key(tmp_path / "publish.key")
    write_key(tmp_path / "other.key")
    control = Control(store=LOCAL, signing_key=tmp_path / "publish.key", trust=tmp_path / "other.pub")
    with pytest.raises(ConfigError, match="would refuse what it publishes"):
        _keys(Settings(data=tmp_path, control=control))
    with pytest.raises(ConfigError, match="cannot read the trusted keys"):
        _keys(Settings(data=tmp_path, control=Control(store=LOCAL, trust=tmp_path / "missing.pub")))
