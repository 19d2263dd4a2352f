"""The Java client: its own suite, with the real service, built as it would be published."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.clients import toolchains
from tests.integration.running import start_server, stopping

FOLDER = toolchains.CLIENTS / "java"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def suite() -> Iterator[str]:
    """Yield what Maven says about building and testing every module."""
    arguments = ["--batch-mode", "--no-transfer-progress", "--quiet", "--threads", "2", "verify"]
    # Maven's own process does not live long enough for Java's second compiler to pay.
    options = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {os.environ.get('MAVEN_OPTS', '')}".strip()
    # Tests that only ask a service share one; those that kill or hang it start their own.
    mvn = toolchains.mvn()
    server = start_server(toolchains.POLICIES, node="java")
    with stopping([server]):
        given = toolchains.environment(MAVEN_OPTS=options, JINGXI_SERVICE=server.target)
        yield toolchains.run([mvn, *arguments], FOLDER, given=given, patience=570)


def _ran(module: str) -> tuple[int, int]:
    """Return how many tests a module ran, and how many of them were skipped."""
    ran = skipped = 0
    for report in (FOLDER / module / "target" / "surefire-reports").glob("TEST-*.xml"):
        head = re.search(r"<testsuite [^>]*>", report.read_text(encoding="utf-8"))
        assert head is not None
        counts = {name: int(count) for name, count in re.findall(r'\b(tests|skipped)="([0-9]+)"', head[0])}
        ran, skipped = ran + counts["tests"], skipped + counts["skipped"]
    return ran, skipped


@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize(
    ("module", "least"),
    [
        ("client", 500),
        ("client-offline", 700),
        ("client-jackson", 5),
        ("client-spring-boot-starter", 4),
        ("examples", 5),
    ],
)
def test_suite(module: str, least: int) -> None:
    ran, skipped = _ran(module)
    assert ran >= least
    assert skipped == 0


@pytest.mark.usefixtures("suite")
def test_the_program_that_compares_decisions_is_built() -> None:
    assert (FOLDER / "harness" / "target" / "decide-lines.jar").is_file()


def test_versions_are_pinned() -> None:
    """A build of today and one of next year take the same libraries and plugins."""
    poms = [path for path in FOLDER.rglob("pom.xml") if "target" not in path.parts]
    assert len(poms) == 9
    for pom in poms:
        text = re.sub(r"<rules>.*?</rules>", "", pom.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"SNAPSHOT|LATEST|RELEASE|<version>[\[(]", text)
