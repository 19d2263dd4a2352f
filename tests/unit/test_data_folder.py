"""The folder for what must last: who may have it, what is made in it, and what it refuses."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pdp.errors import ConfigError
from pdp.server.data_folder import DataFolder, is_needed, resource_keys
from pdp.server.settings import Audit, Settings, Staff
from pdp.snapshot.resource_keys import ResourceKeys


def settings(folder: Path, audit: Audit | None = None) -> Settings:
    return Settings(Path("policies"), data=folder, audit=audit or Audit(), staff=Staff(address="off"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_for_one_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data"
    folder = DataFolder.open(settings(path))
    try:
        made = [path, *path.rglob("*")]
        assert {item.name for item in made} >= {"keys", "spool", "store", "bundles", "lock", "resource", "node.key"}
        wrong = {str(item): oct(mode(item)) for item in made if mode(item) & 0o077}
        assert wrong == {}
        assert (path / "lock").read_text() == f"{os.getpid()}\n"
    finally:
        folder.close()


def test_keys_are_made_once(tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        DataFolder.open(settings(tmp_path / "data")).close()
        kept.append([(tmp_path / "data" / "keys" / name).read_bytes() for name in ("resource", "node.key")])
    assert kept[0] == kept[1]
    name, key = ResourceKeys.read(resource_keys(settings(tmp_path / "data"))).current
    assert (len(name), len(key)) == (8, 32)
    DataFolder.open(settings(tmp_path / "other")).close()
    assert (tmp_path / "other" / "keys" / "resource").read_bytes() != kept[0][0]


def test_keys_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    own = settings(tmp_path / "data", Audit(resource_keys=tmp_path / "own"))
    DataFolder.open(own).close()
    assert resource_keys(own) == tmp_path / "own"
    assert not (tmp_path / "data" / "keys" / "resource").exists()


def test_one_server_at_a_time_has_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    first = DataFolder.open(settings(path))
    with pytest.raises(ConfigError, match=rf"another server \(process {os.getpid()}\).*`--data`"):
        DataFolder.open(settings(path))
    first.close()
    DataFolder.open(settings(path)).close()


def test_a_killed_server_leaves_it_free(tmp_path: Path) -> None:
    path = tmp_path / "data"
    script = (
        "import sys; from pathlib import Path; from pdp.server.data_folder import DataFolder; "
        "from pdp.server.settings import Settings; "
        "folder = DataFolder.open(Settings(Path('p'), data=Path(sys.argv[1]))); "
        "print('taken', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        with pytest.raises(ConfigError, match=str(process.pid)):
            DataFolder.open(settings(path))
        process.kill()
        process.wait()
        DataFolder.open(settings(path)).close()


@pytest.mark.parametrize("open_to", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, open_to: int) -> None:
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(open_to)
    with pytest.raises(ConfigError, match=f"others can write the data folder `{path}`; `chmod 700 {path}`"):
        DataFolder.open(settings(path))
    assert list(path.iterdir()) == []


def test_an_empty_folder_that_others_can_look_into_is_closed_to_them(tmp_path: Path) -> None:
    # As systemd's `StateDirectory=` makes it.
    path = tmp_path / "data"
    path.mkdir(mode=0o755)
    DataFolder.open(settings(path)).close()
    assert mode(path) == 0o700
    path.chmod(0o755)
    (path / "keys").chmod(0o755)
    DataFolder.open(settings(path)).close()
    assert (mode(path), mode(path / "keys")) == (0o700, 0o700)


def test_a_folder_with_another_purpose_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir(mode=0o755)
    (path / "letter").touch()
    with pytest.raises(ConfigError, match="others can look into"):
        DataFolder.open(settings(path))
    assert mode(path) == 0o755
    assert [item.name for item in path.iterdir()] == ["letter"]


def test_a_folder_that_cannot_be_made_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot keep anything .*not a directory.*`--data`.*`audit.durability: off`"):
        DataFolder.open(settings(tmp_path / "file" / "data"))


def test_a_damaged_key_is_a_wrong_setting_and_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "data"
    DataFolder.open(settings(path)).close()
    (path / "keys" / "node.key").write_text("secret")
    with pytest.raises(ConfigError, match=r"node\.key") as caught:
        DataFolder.open(settings(path))
    assert "secret" not in str(caught.value)
    # And the lock is free again.
    (path / "keys" / "node.key").unlink()
    DataFolder.open(settings(path)).close()


@pytest.mark.parametrize(("durability", "staff", "needed"), [
    ("sync", "off", True), ("async", "off", True), ("off", "auto", True), ("off", "off", False),
])  # fmt: skip
def test_without_records_and_staff_nothing_is_kept(tmp_path: Path, durability: str, staff: str, needed: bool) -> None:
    found = Settings(Path(), data=tmp_path, audit=Audit(durability=durability), staff=Staff(address=staff))
    assert is_needed(found) is needed


def test_a_folder_keeps_the_name_of_its_node(tmp_path: Path) -> None:
    first = Settings(Path("policies"), data=tmp_path / "data", node="n1")
    DataFolder.open(first).close()
    # Without a name of its own a node has that of its folder, whatever the machine is called now.
    assert settings(tmp_path / "data").node_name == "n1"
    DataFolder.open(settings(tmp_path / "data")).close()
    with pytest.raises(ConfigError, match="that of node `n1`, not of `n2`"):
        DataFolder.open(Settings(Path("policies"), data=tmp_path / "data", node="n2"))
    DataFolder.open(first).close()
