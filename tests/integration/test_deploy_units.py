"""The units, manifests and the container file of `deploy/`: as the programs that read them understand them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.integration.needs import missing
from tests.integration.running import write_policies

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD, KUBERNETES = ROOT / "deploy" / "systemd", ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")
"""Kubernetes' oldest and newest version that the manifests are for."""
KNOWN_SECRETS = {
    "jingxi-tls": {"tls.crt", "tls.key"},
    "jingxi-callers-ca": {"ca.crt"},
    "jingxi-etcd-client": {"ca.crt", "tls.crt", "tls.key"},
    "jingxi-postgres-client": {"ca.crt", "tls.crt", "tls.key"},
    "jingxi-stores": {"control-url", "store-url", "resource-keys"},
    "jingxi-policy-key": {"policy.key"},
}
"""What an operator makes, and docs/guides/cluster.md names."""


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name}; {package}")
    return found


def _pdp(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".venv" / "bin" / "pdp", *arguments], capture_output=True, text=True, encoding="utf-8", check=False,
        timeout=120, env={k: v for k, v in os.environ.items() if not k.startswith("PDP_")} | variables,
    )  # fmt: skip


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as installed, with a program that is there."""
    for path in SYSTEMD.glob("jingxi*.[st]*"):
        if path.suffix in {".service", ".timer"}:
            text = path.read_text(encoding="utf-8").replace("/opt/jingxi/bin/pdp", str(ROOT / ".venv/bin/pdp"))
            (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


def test_systemd_takes_the_units(units: Path) -> None:
    program = _tool("systemd-analyze", "on Debian: apt-get install systemd")
    names = sorted(str(path) for path in units.iterdir())
    assert len(names) == 3
    done = subprocess.run([program, "verify", "--man=no", *names], capture_output=True, text=True, check=False)
    # The machine's own units may have faults, too.
    said = [line for line in (done.stdout + done.stderr).splitlines() if "jingxi" in line]
    assert said == []
    broken = units / "jingxi.service"
    broken.write_text(broken.read_text(encoding="utf-8").replace("ProtectSystem=", "ProtectSistem="))
    done = subprocess.run([program, "verify", "--man=no", str(broken)], capture_output=True, text=True, check=False)
    assert "ProtectSistem" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["jingxi.service", "jingxi-backup.service"])
def test_the_units_give_nothing_away(units: Path, name: str) -> None:
    program = _tool("systemd-analyze", "on Debian: apt-get install systemd")
    done = subprocess.run(
        [program, "security", "--offline=yes", "--threshold=20", "--no-pager", str(units / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_service_does_nothing_that_its_unit_forbids(tmp_path: Path) -> None:
    """Every call of the system that a node makes, from its start to its end, is one that the unit allows."""
    strace = _tool("strace", "on Debian: apt-get install strace")
    allowed = _allowed()
    policies, trace, ready = write_policies(tmp_path), tmp_path / "trace", tmp_path / "ready.json"
    script = (
        f"{ROOT}/.venv/bin/pdp serve --policies {policies} --listen 127.0.0.1:0 --workers 1 --data {tmp_path}/data "
        f"--ready-file {ready} --drain 0 & "
        f"until [ -e {ready} ]; do read -t 0.1 <>/dev/zero 2>&- || :; kill -0 $! || exit 3; done; kill $!; wait $!"
    )
    done = subprocess.run(
        [strace, "-f", "-qq", "-o", str(trace), "-e", "trace=all", "-e", "signal=none", "bash", "-c", script],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = trace.read_text(encoding="utf-8", errors="replace")
    made = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", text, re.MULTILINE))
    assert {"execve", "fdatasync", "accept4", "listen"} & made, "nothing was traced"
    # What a file belongs to is changed by nobody who is not root; SQLite asks for it as root alone.
    assert made - allowed - {"fchown", "chown"} == set()
    families = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", text))
    assert families <= {"AF_INET", "AF_INET6", "AF_UNIX"}
    exec_and_write = [line for line in text.splitlines() if "PROT_WRITE|PROT_EXEC" in line]
    assert exec_and_write == [], "MemoryDenyWriteExecute forbids this"


def _allowed() -> set[str]:
    program = _tool("systemd-analyze", "on Debian: apt-get install systemd")
    listed = subprocess.run(
        [program, "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True
    ).stdout
    sets: dict[str, list[str]] = {}
    for line in re.sub(r"\x1b\[[0-9;]*m", "", listed).splitlines():
        if line.startswith("@"):
            sets[line.strip()] = current = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            current.append(line.strip())

    def names(one: str) -> Iterator[str]:
        for entry in sets[one]:
            if entry.startswith("@"):
                yield from names(entry)
            else:
                yield entry

    return set(names("@system-service")) - set(names("@privileged"))


def test_the_example_configuration_of_systemd_is_sound() -> None:
    done = _pdp("config", "check", str(SYSTEMD / "pdp.yaml"), "--elsewhere")
    assert done.returncode == 0, done.stdout + done.stderr
    unit = (SYSTEMD / "jingxi.service").read_text(encoding="utf-8")
    given = set(re.findall(r"^(?:#   )?LoadCredential=([\w.-]+):", unit, re.MULTILINE))
    text = (SYSTEMD / "pdp.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"/run/credentials/jingxi\.service/([\w.-]+)", text)) == given


def test_users_and_folders_of_systemd_are_sound(tmp_path: Path) -> None:
    for name, tool in (("sysusers", "systemd-sysusers"), ("tmpfiles", "systemd-tmpfiles")):
        program = _tool(tool, "on Debian: apt-get install systemd")
        (tmp_path / "etc").mkdir(exist_ok=True)
        more = [] if name == "sysusers" else ["--create"]
        command = [program, *more, f"--root={tmp_path}", str(SYSTEMD / f"jingxi.{name}.conf")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "jingxi:" in (tmp_path / "etc" / "passwd").read_text(encoding="utf-8")
    assert (tmp_path / "etc" / "jingxi" / "secrets").stat().st_mode & 0o777 == 0o700


def _rendered(overlay: str) -> list[dict[str, Any]]:
    folder = KUBERNETES / overlay
    for name, arguments in (("kustomize", ["build"]), ("kubectl", ["kustomize"])):
        program = shutil.which(name)
        if program is not None:
            done = subprocess.run([program, *arguments, str(folder)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return list(yaml.safe_load_all(done.stdout))
    # No package of Debian's or PyPI's has one that is new enough, so that `make test` cannot bring it.
    pytest.skip("needs kustomize, or kubectl 1.25 or newer, which holds it")


@pytest.fixture(scope="module", params=["overlays/production", "overlays/trial"])
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return _rendered(request.param)


def _one(objects: list[dict[str, Any]], kind: str, name: str = "jingxi") -> dict[str, Any]:
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"].startswith(name))
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_objects(objects: list[dict[str, Any]], version: str) -> None:
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)
    broken = _one(objects, "StatefulSet") | {"spec": {"replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_pods_are_restricted(objects: list[dict[str, Any]]) -> None:
    """As the Pod Security Standard `restricted` wants it, and the namespace enforces."""
    assert _one(objects, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = _one(objects, "StatefulSet")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_selectors_mean_the_nodes_and_nobody_else(objects: list[dict[str, Any]]) -> None:
    stateful = _one(objects, "StatefulSet")["spec"]
    labels = stateful["template"]["metadata"]["labels"].items()
    selectors = [stateful["selector"]["matchLabels"]]
    selectors += [one["spec"]["selector"] for one in objects if one["kind"] == "Service"]
    selectors += [_one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in policies]
    assert len(selectors) == 6
    for selector in selectors:
        assert selector
        assert selector.items() <= labels
    # The one selector that means others: a tool that adds our labels to it cuts the nodes off from names.
    (names,) = (
        to["podSelector"]["matchLabels"] for one in policies for rule in one["spec"]["egress"] for to in rule["to"]
        if "podSelector" in to
    )  # fmt: skip
    assert names == {"k8s-app": "kube-dns"}


def test_ports_and_volumes_are_there(objects: list[dict[str, Any]]) -> None:
    stateful = _one(objects, "StatefulSet")["spec"]
    pod = stateful["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for service in (one for one in objects if one["kind"] == "Service"):
        assert service["spec"]["clusterIP"] == "None"
        assert all(
            port["targetPort"] in ports and port["port"] == ports[port["targetPort"]]
            for port in service["spec"]["ports"]
        )
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    assert stateful["serviceName"] in {one["metadata"]["name"] for one in objects if one["kind"] == "Service"}
    claims = {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == claims | set(volumes)
    secrets = {volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume}
    assert secrets == set(KNOWN_SECRETS)
    maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
    made = {one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap"}
    assert maps - made == {"jingxi-trust"}
    guide = (ROOT / "docs" / "guides" / "cluster.md").read_text(encoding="utf-8")
    for name, keys in KNOWN_SECRETS.items():
        assert name in guide
        assert all(key in guide for key in keys)


def test_the_configuration_in_the_pods_is_sound(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    pod = _one(objects, "StatefulSet")["spec"]["template"]["spec"]
    text = _one(objects, "ConfigMap", "jingxi-config")["data"]["pdp.yaml"]
    (tmp_path / "pdp.yaml").write_text(text, encoding="utf-8")
    (container,) = pod["containers"]
    variables = {one["name"]: one.get("value", "jingxi-0") for one in container["env"]}
    variables["PDP_CONTROL_LABELS"] = variables["PDP_CONTROL_LABELS"].replace("$(PDP_NODE)", "jingxi-0")
    done = _pdp("config", "check", str(tmp_path / "pdp.yaml"), "--elsewhere", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    callers = tmp_path / "callers.yaml"
    callers.write_text(_one(objects, "ConfigMap", "jingxi-callers")["data"]["callers.yaml"], encoding="utf-8")
    done = _pdp("caller", "check", str(callers))
    assert done.returncode == 0, done.stdout + done.stderr
    # Every file that is named lies in a volume that is mounted, under a name that its secret has.
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    named = re.findall(r"(/run/jingxi/[\w-]+)/([\w.-]+)", text + " ".join(map(str, variables.values())))
    assert len(named) >= 9
    for folder, file in named:
        assert file in KNOWN_SECRETS[volumes[mounts[folder]]["secret"]["secretName"]]
    settings = yaml.safe_load(text)
    stop = settings["drain_seconds"] + settings["grace_seconds"]
    assert stop < pod["terminationGracePeriodSeconds"]
    assert settings["data"].startswith("/var/lib/jingxi/")


def test_the_container_file_copies_what_is_there() -> None:
    text = (ROOT / "deploy" / "container" / "Containerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert {"pdp", "requirements/cluster.txt"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
    user = re.search(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert user is not None
    base = (KUBERNETES / "base" / "statefulset.yaml").read_text(encoding="utf-8")
    assert f"runAsUser: {user[1]}" in base
    assert f"fsGroup: {user[2]}" in base


def test_what_the_container_installs_is_what_the_package_needs() -> None:
    lines = (ROOT / "requirements" / "cluster.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}
    assert {"grpcio", "psycopg", "psycopg-binary", "aetcd", "cel-expr-python"} <= pinned
