"""The configuration: precedence, places of wrong values, secrets, and the pages made of its definition."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cli.main import main
from pdp.errors import ConfigError
from pdp.lang.loader.nodes import MAX_DEPTH
from pdp.server import cpus
from pdp.server.config import show
from pdp.server.config.kinds import Choice, File, Listen, Secret, SecretText, Whole
from pdp.server.config.load import FILE_VARIABLE, Loaded, load
from pdp.server.config.options import BY_NAME, GROUPS, OPTIONS, assemble
from pdp.server.config.reference import tables
from pdp.server.config.siem_sections import Collector
from pdp.server.settings import Address, Settings, parse_address
from pdp.server.siem.address import parse_collector

ROOT = Path(__file__).parents[2]
NAMES = [option.name for option in OPTIONS]
COLLECTOR = "tls://siem.bank.example:6514"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "policies").mkdir()

    def put(text: str) -> Path:
        path = tmp_path / "pdp.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def places(loaded: Loaded) -> list[tuple[str, int, int, str]]:
    return [(Path(d.span.file).name, d.span.line, d.span.column, d.code) for d in loaded.diagnostics]


def settings(loaded: Loaded) -> Settings:
    assert loaded.settings is not None, [loaded.render(item) for item in loaded.diagnostics]
    return loaded.settings


# Precedence


def test_a_flag_comes_before_the_environment_that_before_the_file(write: Callable[[str], Path]) -> None:
    file = write("policies: policies\nworkers: 1\ndrain_seconds: 1.5\ngrace_seconds: 1\nlog: {level: debug}\n")
    environ = {"PDP_WORKERS": "2", "PDP_GRACE_SECONDS": "2", "PDP_LOG_FORMAT": "text"}
    loaded = load(file, {"workers": 3}, environ)
    found = settings(loaded)
    assert (found.workers, found.grace_seconds, found.drain_seconds, found.poll_seconds) == (3, 2.0, 1.5, 2.0)
    assert (found.log.level, found.log.format) == ("debug", "text")
    origins = {name: (value.origin.source, value.origin.place) for name, value in loaded.values.items()}
    assert origins["workers"] == ("flag", "--workers")
    assert origins["grace_seconds"] == ("environment", "PDP_GRACE_SECONDS")
    assert origins["drain_seconds"] == ("file", f"{file}:3:16")
    assert origins["poll_seconds"] == ("default", "default")


def test_paths_of_the_file_begin_at_its_folder(write: Callable[[str], Path], tmp_path: Path) -> None:
    found = settings(load(write("policies: policies\nready_file: run/ready\n"), {}, {}))
    assert (found.policies, found.ready_file) == (tmp_path / "policies", tmp_path / "run/ready")
    elsewhere = settings(load(write("policies: policies\n"), {}, {"PDP_READY_FILE": "run/ready"}))
    assert elsewhere.ready_file == Path("run/ready")


def test_without_a_file_the_definition_alone_counts(tmp_path: Path) -> None:
    assert settings(load(None, {"policies": tmp_path}, {})) == Settings(tmp_path)


def test_an_empty_file_is_a_file_without_settings(write: Callable[[str], Path]) -> None:
    loaded = load(write("# nothing yet\n"), {}, {})
    assert not loaded.errors
    assert loaded.settings == Settings()


# What is wrong


WRONG = [
    ("wrokers: 3", 1, "unknown-key", "did you mean `workers`"),
    ("tls: {certificat: x}", 7, "unknown-key", "did you mean `certificate`"),
    ("clock: 2026-01-01T00:00:00Z", 1, "unknown-key", ""),
    ("workers: 0", 10, "bad-value", ""),
    ("workers: 257", 10, "bad-value", ""),
    ("workers: many", 10, "bad-value", ""),
    ("workers: 1.5", 10, "wrong-type", ""),
    ("workers: [1]", 10, "wrong-type", ""),
    ("workers:", 9, "wrong-type", ""),
    ("drain_seconds: -1", 16, "bad-value", ""),
    ("drain_seconds: .inf", 16, "bad-value", ""),
    ("drain_seconds: true", 16, "wrong-type", ""),
    ('drain_seconds: "3"', 16, "wrong-type", ""),
    ("insecure: yes", 11, "wrong-type", "write `true`"),
    ("transport: http", 12, "bad-value", ""),
    ("listen: 7070", 9, "wrong-type", ""),
    ("listen: localhost", 9, "bad-value", ""),
    ("listen: {host: a}", 9, "wrong-type", ""),
    ("admin: {listen: 'unix:/run/x'}", 17, "bad-value", ""),
    ("admin: 127.0.0.1:7071", 8, "wrong-type", ""),
    ("log: {level: verbose}", 14, "bad-value", ""),
    ("grants: missing.yaml", 9, "no-file", ""),
    ("grants: policies", 9, "no-file", ""),
    ("callers: ''", 10, "bad-value", ""),
    ("insecure: true\ninsecure: true", 1, "duplicate-key", ""),
    ("tls: {key: pdp.yaml}", 12, "conflict", ""),
    ("siem: {syslog: 'siem.example:6514'}", 16, "bad-value", ""),
    ("siem: {syslog: [a]}", 16, "wrong-type", ""),
    ("siem: {syslog: 'tcp://siem.example'}", 16, "conflict", ""),
    ("siem: {file: e, ca: pdp.yaml}", 21, "conflict", ""),
    ("siem: {facility: local9}", 18, "bad-value", ""),
    ("siem: {enterprise: 0}", 20, "bad-value", ""),
    ("tls: {client_ca: pdp.yaml}", 18, "conflict", ""),
    ("tls: {require_client_certificate: true}", 35, "conflict", ""),
    ("tls: {certificate: pdp.yaml, key: pdp.yaml}\ntransport: native", 12, "conflict", ""),
    ("listen: 0.0.0.0:1", 9, "conflict", ""),
    ("listen: 0.0.0.0:1\ntls: {certificate: pdp.yaml, key: pdp.yaml}", 9, "conflict", ""),
    ("admin: {listen: '0.0.0.0:1'}", 17, "conflict", ""),
    ("listen: unix:/run/x\nworker_ports: true", 15, "conflict", ""),
    ("listen: unix:/run/x\nworkers: 2", 10, "conflict", ""),
    ("worker_ports: true\nworkers: 4\nadmin: {listen: '127.0.0.1:7074'}", 17, "conflict", ""),
    ("tracing: {headers: abc}", 20, "inline-secret", ""),
    ("tracing: {headers: {file: a, env: B}}", 20, "bad-value", ""),
    ("tracing: {headers: {}}", 20, "bad-value", ""),
    ("tracing: {headers: {env: NOT_SET}}", 20, "no-secret", ""),
    ("tracing: {headers: {file: none}}", 20, "no-secret", ""),
    ("tracing: {ratio: 2}", 18, "bad-value", ""),
    ("a: {", 1, "yaml-syntax", ""),
]


@pytest.mark.parametrize(("text", "column", "code", "hint"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_value_is_named_with_its_place(
    write: Callable[[str], Path], text: str, column: int, code: str, hint: str
) -> None:
    loaded = load(write(f"policies: policies\n{text}\n"), {}, {})
    assert loaded.settings is None
    (found,) = loaded.errors
    assert (found.code, found.span.column) == (code, column)
    assert found.span.line >= 2
    assert hint in found.hint
    assert "pdp.yaml:" in loaded.render(found)


def test_everything_wrong_is_told_at_once(write: Callable[[str], Path]) -> None:
    loaded = load(write("policies: nowhere\nworkers: x\nlog: {levl: info}\n"), {}, {"PDP_TRANSPORT": "x"})
    assert places(loaded) == [
        ("pdp.yaml", 1, 11, "no-file"),
        ("pdp.yaml", 2, 10, "bad-value"),
        ("pdp.yaml", 3, 7, "unknown-key"),
        ("PDP_TRANSPORT", 1, 1, "bad-value"),
    ]
    assert loaded.render(loaded.diagnostics[-1]).startswith("PDP_TRANSPORT: error: `transport` must be")


def test_what_goes_with_nothing_else_names_who_said_it(tmp_path: Path) -> None:
    loaded = load(None, {"policies": tmp_path, "listen": parse_address("0.0.0.0:7070")}, {})
    assert places(loaded) == [("--listen", 1, 1, "conflict")]
    assert load(None, {"policies": tmp_path, "listen": parse_address("0.0.0.0:1"), "insecure": True}, {}).settings


def test_a_setting_that_takes_a_file_or_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kind = File(either=True)
    assert (kind.problem(tmp_path), kind.problem(tmp_path / "file")) == ("", "")
    assert kind.problem(tmp_path / "missing") == f"there is no file or folder `{tmp_path / 'missing'}`"


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert [d.code for d in load(tmp_path / "none.yaml", {"policies": tmp_path}, {}).errors] == ["unreadable"]
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    assert [d.code for d in load(binary, {"policies": tmp_path}, {}).errors] == ["not-utf8"]


@pytest.mark.parametrize(
    "text", ["- a\n", "text\n", "{" * (MAX_DEPTH + 5), "a: &a [*a]\n", "a: 1\n---\nb: 2\n", "? [x]\n"]
)
def test_a_file_of_another_shape(write: Callable[[str], Path], text: str) -> None:
    assert load(write(text), {"policies": ROOT}, {}).settings is None


@given(st.one_of(st.text(max_size=80), st.text("policeworkns:{}[]&*!|>'\"-0123 \n", max_size=120)))
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "pdp.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded = load(path, {}, {}, elsewhere=True)
    assert (loaded.settings is None) == bool(loaded.errors)
    for item in loaded.diagnostics:
        loaded.render(item)


# The environment


def test_a_variable_of_no_setting_is_warned_about(tmp_path: Path) -> None:
    loaded = load(None, {"policies": tmp_path}, {"PDP_WORKER": "2", "PATH": "x", FILE_VARIABLE: "x"})
    (found,) = loaded.diagnostics
    assert (found.span.file, found.severity.name) == ("PDP_WORKER", "WARNING")
    assert "PDP_WORKERS" in found.hint
    assert loaded.settings is not None


def test_what_kubernetes_sets_is_nobodys_mistake(tmp_path: Path) -> None:
    environ = {"PDP_SERVICE_HOST": "10.0.0.1", "PDP_PORT": "tcp://10.0.0.1:7070", "PDP_PORT_7070_TCP_ADDR": "10.0.0.1"}
    assert load(None, {"policies": tmp_path}, environ).diagnostics == []


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert settings(load(None, {"policies": tmp_path}, {"PDP_GRANTS": "", "PDP_WORKERS": ""})).grants is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PDP_WORKERS", "-1"), ("PDP_WORKERS", "٣"), ("PDP_WORKERS", "9" * 5000), ("PDP_INSECURE", "1"),
        ("PDP_DRAIN_SECONDS", "nan"), ("PDP_DRAIN_SECONDS", "x"), ("PDP_LISTEN", "x"), ("PDP_LOG_LEVEL", "x"),
        ("PDP_GRANTS", "no-such-file"), ("PDP_ADMIN_LISTEN", "unix:/x"),
    ],
)  # fmt: skip
def test_a_wrong_variable(tmp_path: Path, variable: str, text: str) -> None:
    loaded = load(None, {"policies": tmp_path}, {variable: text})
    assert [d.span.file for d in loaded.errors] == [variable]


# Secrets


@pytest.mark.parametrize("text", ["s3cret=x", '"s3cret=x"', "[s3cret]", "s3cret: x"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(write: Callable[[str], Path], text: str) -> None:
    loaded = load(write(f"policies: policies\ntracing:\n  headers: {text}\n"), {}, {})
    assert loaded.errors
    if text != "s3cret: x":  # that is no YAML, which says nothing of a secret
        assert "s3cret" not in "".join(loaded.render(item) for item in loaded.errors)


def test_a_secret_of_a_file_and_of_the_environment(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("authorization=s3cret\n")
    (tmp_path / "headers").chmod(0o600)
    for text, environ in (
        ("tracing: {headers: {file: headers}}", {}),
        ("tracing: {headers: {env: OTHER}}", {"OTHER": "authorization=s3cret"}),
        ("", {"PDP_TRACING_HEADERS": "authorization=s3cret"}),
    ):
        loaded = load(write(f"policies: policies\n{text}\n"), {}, environ)
        headers = settings(loaded).tracing.headers
        assert headers is not None
        assert headers.value == "authorization=s3cret"
        assert loaded.diagnostics == []
        assert "s3cret" not in repr(settings(loaded))
        assert "s3cret" not in json.dumps(show.to_json(loaded))


def test_a_secret_that_all_can_read_is_warned_about(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("a=b")
    (tmp_path / "headers").chmod(0o644)
    loaded = load(write("policies: policies\ntracing: {headers: {file: headers}}\n"), {}, {})
    assert [(d.code, d.severity.name) for d in loaded.diagnostics] == [("open-secret", "WARNING")]
    (tmp_path / "headers").write_text("\n")
    assert load(write("policies: policies\ntracing: {headers: {file: headers}}\n"), {}, {}).settings is None


# The definition


def test_every_setting_is_told_in_both_languages() -> None:
    for option in OPTIONS:
        assert re.search("[一-鿿]", option.meta.zh), option.name
        assert option.meta.en.isascii() or "…" in option.meta.en, option.name
        zh, en = option.meta.kind.forms
        assert zh
        assert en
    variables = [option.variable for option in OPTIONS if option.variable]
    assert len(set(variables)) == len(variables)
    assert len(set(NAMES)) == len(NAMES)
    assert FILE_VARIABLE not in variables


def _sample(name: str, folder: Path) -> tuple[str, Any]:
    """Return a value that is not the default, as text and as the setting."""
    option = BY_NAME[name]
    match option.meta.kind:
        case File(folder=wanted):
            path = folder / ("policies" if wanted else "file")
            return str(path), path
        case Listen():
            return "127.0.0.1:1234", Address("127.0.0.1", 1234)
        case SecretText():
            return "a=b" * 16, Secret("a=b" * 16, "environment")
        case Collector():
            return COLLECTOR, parse_collector(COLLECTOR)
        case Whole(low=low, high=high):
            number = min(max(low, 7), high - 1)
            return str(number), number
        case Choice(words=words):
            other = next(word for word in words if word != option.default)
            return other, other
    text = {
        "node": "n-1", "audit.checkpoint_command": "keep", "tracing.endpoint": "http://x",
        "control.labels": "zone=a,ring=canary",
        "accounts.oidc.issuer": "https://id.bank.example", "accounts.oidc.client_id": "jingxi",
        "accounts.oidc.scopes": "openid acr", "accounts.oidc.second_factor_acr": "phr",
        "accounts.oidc.second_factor_amr": "mfa", "accounts.oidc.label": "Bank ID",
        "accounts.oidc.label_zh": "统一认证",
        "siem.server_name": "siem.bank.example",
    }.get(name)  # fmt: skip
    if text is not None:
        return text, text
    value = not option.default if isinstance(option.default, bool) else option.default / 2
    return json.dumps(value), value


@pytest.mark.parametrize("name", [option.name for option in OPTIONS if option.variable])
def test_every_setting_can_stand_in_the_file_and_the_environment(
    write: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    option, (text, value) = BY_NAME[name], _sample(name, tmp_path)
    partner = {
        "tls.certificate": "tls.key", "tls.key": "tls.certificate",
        "staff.certificate": "staff.key", "staff.key": "staff.certificate",
        "siem.certificate": "siem.key", "siem.key": "siem.certificate",
    }.get(name)  # fmt: skip
    flags: dict[str, Any] = {"policies": tmp_path} if name != "policies" else {}
    if partner:
        flags[partner] = tmp_path / "file"
    if name in {"tls.client_ca", "tls.require_client_certificate"}:
        flags |= {
            "tls.certificate": tmp_path / "file",
            "tls.key": tmp_path / "file",
            "tls.client_ca": tmp_path / "file",
        }
        flags.pop(name, None)
    if name.startswith("accounts.oidc."):
        flags |= {"accounts.oidc.issuer": "https://id.bank.example", "accounts.oidc.client_id": "jingxi"}
        flags.pop(name, None)
    if name in {"siem.ca", "siem.certificate", "siem.key", "siem.server_name"}:
        flags["siem.syslog"] = parse_collector(COLLECTOR)
    if name == "staff.client_ca":
        flags |= {"staff.certificate": tmp_path / "file", "staff.key": tmp_path / "file"}
    if name == "trusted_proxy":
        flags["callers"] = tmp_path / "file"
    if name == "control.trust":
        flags["control.signing_key"] = tmp_path / "file"
    found = load(None, flags, {option.variable: text})
    assert found.values[name].value == value
    assert found.settings is not None
    if not isinstance(option.meta.kind, SecretText):
        line = f"{option.key}: {text}"
        within = [part for part in option.section.split(".") if part]
        head = "".join(f"{'  ' * depth}{part}:\n" for depth, part in enumerate(within))
        in_file = load(write(f"{head}{'  ' * len(within)}{line}\n"), flags, {})
        assert in_file.values[name].value == value
        assert in_file.settings == found.settings
    held: Any = found.settings
    for attribute in option.attribute.split("."):
        held = getattr(held, attribute)
    assert held == value


def test_defaults_survive_being_written_out(write: Callable[[str], Path], tmp_path: Path) -> None:
    told = show.to_json(load(None, {"policies": tmp_path}, {}))
    document: dict[str, Any] = {}
    for name, entry in told.items():
        if entry["value"] is not None:
            *groups, key = name.split(".")
            place = document
            for group in groups:
                place = place.setdefault(group, {})
            place[key] = entry["value"]
    assert settings(load(write(json.dumps(document)), {}, {})) == Settings(tmp_path)


def test_the_example_is_the_one_that_is_deployed_and_every_line_of_it_counts(write: Callable[[str], Path]) -> None:
    text = show.example()
    assert (ROOT / "deploy" / "pdp.yaml").read_text(encoding="utf-8") == text
    assert settings(load(write(text), {}, {}, elsewhere=True))
    awake = re.sub(r"^( *)# ([a-z_]+:(?: .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    loaded = load(write(awake), {}, {}, elsewhere=True)
    assert settings(loaded)
    told = {name for name, value in loaded.values.items() if value.origin.source == "file"}
    assert told == {option.name for option in OPTIONS if option.variable}


@pytest.mark.parametrize(("language", "ending"), [("en", ".md"), ("zh", ".zh-CN.md")])
def test_the_guide_ends_with_the_reference(language: str, ending: str) -> None:
    guide = (ROOT / "docs" / "guides" / f"configuration{ending}").read_text(encoding="utf-8")
    assert guide.endswith(tables(language)), "write the end of the guide anew by `pdp config reference`"
    for name in (*NAMES, *GROUPS):
        assert f"`{name}`" in tables(language)


def test_settings_are_made_of_names_and_judge_themselves() -> None:
    assert assemble({"policies": Path("p"), "log.level": "error"}).log.level == "error"
    with pytest.raises(ConfigError, match=r"needs `tls\.key` too") as caught:
        assemble({"policies": Path("p"), "tls.certificate": Path("c")})
    assert [name for name, _ in caught.value.problems] == ["tls.certificate"]


@pytest.mark.parametrize(
    ("listen", "admin", "address"),
    [
        ("127.0.0.1:7070", "auto", "127.0.0.1:7071"),
        ("127.0.0.1:0", "auto", "127.0.0.1:0"),
        ("unix:/run/x", "auto", "127.0.0.1:7071"),
        ("127.0.0.1:0", "off", "None"),
        ("127.0.0.1:9000", "auto", "127.0.0.1:7071"),
        ("127.0.0.1:0", "[::1]:9", "[::1]:9"),
    ],
)
def test_where_the_admin_port_listens(listen: str, admin: str, address: str) -> None:
    kind = BY_NAME["admin.listen"].meta.kind
    found = assemble({"policies": Path("p"), "listen": parse_address(listen), "admin.listen": kind.parse(admin)})
    assert str(found.admin_address) == address
    beside = dataclasses.replace(found, address=parse_address("127.0.0.1:7070"), worker_ports=True, workers=3)
    assert admin != "auto" or beside.admin_address == Address("127.0.0.1", 7074)


@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", None), ("150000 100000", 2), ("1 100000", 1), ("0 0", None), ("junk", None)]
)
def test_workers_follow_the_containers_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, count: int | None
) -> None:
    monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: set(range(8)))
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert cpus.usable(path) == (count or 8)
    assert cpus.usable(tmp_path / "none") == 8
    assert dataclasses.replace(Settings(tmp_path), workers=5).worker_count == 5


# The command


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in (FILE_VARIABLE, *(option.variable for option in OPTIONS)):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        ended = capsys.readouterr()
        return int(caught.value.code or 0), ended.out, ended.err

    return call


def test_check_tells_what_is_wrong(run: Run, write: Callable[[str], Path]) -> None:
    good = write("policies: policies\n")
    assert run("config", "check", "pdp.yaml", environ={"PDP_WORKERS": "x"}) == (0, "pdp.yaml: no problems\n", "")
    assert run("config", "check", good, "--format", "json") == (0, '{\n  "diagnostics": []\n}\n', "")
    bad = write("policies: nowhere\nworkers: x\n")
    code, out, _ = run("config", "check", "pdp.yaml")
    assert code == 1
    assert "pdp.yaml:1:11: error: " in out
    assert " 2 | workers: x" in out
    assert out.endswith("pdp.yaml: 2 errors\n")
    code, out, _ = run("config", "check", bad, "--format", "json", "--elsewhere")
    assert (code, [d["line"] for d in json.loads(out)["diagnostics"]]) == (1, [2])


def test_show_tells_where_values_came_from(run: Run, write: Callable[[str], Path]) -> None:
    write("policies: policies\nlog: {level: error}\n")
    environ = {FILE_VARIABLE: "pdp.yaml", "PDP_TRACING_HEADERS": "a=s3cret"}
    code, out, _ = run("config", "show", "--workers", 3, "--format", "json", "--no-reflection", environ=environ)
    told = json.loads(out)
    assert code == 0
    assert told["log.level"] == {"value": "error", "source": "file", "place": "pdp.yaml:2:14"}
    assert told["workers"] == {"value": 3, "source": "flag", "place": "--workers"}
    assert told["reflection"]["value"] is False
    assert told["tracing.headers"] == {"value": "********", "source": "environment", "place": "PDP_TRACING_HEADERS"}
    code, out, _ = run("config", "show")
    assert code == 0
    assert "s3cret" not in out
    assert re.search(r"log.level\s+error\s+pdp.yaml:2:14", out)


def test_show_of_settings_that_do_not_go_together(run: Run) -> None:
    code, out, err = run("config", "show", "--listen", "0.0.0.0:1")
    assert code == 1
    assert "0.0.0.0:1" in out
    assert "there is no TLS" in err


def test_serve_refuses_a_wrong_file_with_its_places(run: Run, write: Callable[[str], Path]) -> None:
    write("policies: policies\nworkers: x\ntransport: y\n")
    code, _, err = run("serve", "--config", "pdp.yaml")
    assert code == 1
    assert "pdp.yaml:2:10: error: " in err
    assert "pdp.yaml:3:12: error: " in err
    assert err.endswith("pdp: error: the configuration has 2 errors; mend them, then try again\n")


def test_serve_refuses_a_wrong_variable_in_one_line(run: Run) -> None:
    code, _, err = run("serve", "--policies", ".", environ={"PDP_WORKERS": "none"})
    assert code == 1
    assert err == "pdp: error: PDP_WORKERS: `workers` must be a whole number from 1 to 256, or `auto`, not `none`\n"


def test_serve_follows_a_folder_or_a_cluster(run: Run) -> None:
    environ = {"PDP_CONTROL_STORE": "etcd://127.0.0.1:2379", "PDP_CONTROL_TRUST": "."}
    code, _, err = run("serve", "--policies", ".", environ=environ)
    assert code == 1
    assert "cannot follow a folder too; leave `policies` out" in err


def test_the_commands_write_what_stands_in_the_repository(run: Run) -> None:
    assert run("config", "example")[1] == show.example()
    assert run("config", "reference", "--lang", "zh")[1] == tables("zh")


@pytest.mark.parametrize(
    ("lines", "place", "words"),
    [
        ("issuer: http://id.bank.example\n    client_id: a", "3:13", "is no issuer"),
        ("issuer: https://id.bank.example?x=1\n    client_id: a", "3:13", "is no issuer"),
        ("issuer: https://u@id.bank.example\n    client_id: a", "3:13", "is no issuer"),
        ("issuer: https://id.bank.example", "3:13", "needs `accounts.oidc.client_id` too"),
        ("client_id: a", "3:16", "needs `accounts.oidc.issuer` too"),
        ("issuer: https://id.bank.example\n    client_id: 行", "4:16", "printable ASCII"),
        ("issuer: https://id.bank.example\n    client_id: a\n    scopes: email", "5:13", "must contain `openid`"),
        ("issuer: https://id.bank.example\n    client_id: a\n    second_factor_amr: 多", "5:24", "printable ASCII"),
        ("issuer: https://id.bank.example\n    client_id: a\n    issue: x", "5:5", "issuer"),
        ("issuer: https://id.bank.example\n    client_id: a\n    client_secret: x", "5:20", "is a secret"),
    ],
)  # fmt: skip
def test_a_wrong_setting_of_the_provider_is_told_with_its_place(
    write: Callable[[str], Path], lines: str, place: str, words: str
) -> None:
    found = load(write(f"accounts:\n  oidc:\n    {lines}\n"), {}, {})
    told = [found.render(item) for item in found.errors]
    assert len(told) == 1, told
    assert f"pdp.yaml:{place}" in told[0]
    assert words in told[0]
    assert found.settings is None


def test_the_provider_s_client_secret_is_never_shown(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2-hunter2")
    (tmp_path / "secret").chmod(0o600)
    lines = "issuer: http://127.0.0.1:1\n    client_id: a\n    client_secret: {file: secret}"
    found = load(write(f"accounts:\n  oidc:\n    {lines}\n"), {}, {})
    rules = settings(found).accounts.oidc.rules()
    assert rules is not None
    assert rules.client_secret == "hunter2-hunter2"  # noqa: S105 - what stands in the file
    assert "hunter2" not in repr(found.settings) + repr(rules) + json.dumps(show.to_json(found))
