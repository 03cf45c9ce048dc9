"""Which Java is found, and which one a server gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.local import java, packages
from runtime.local.errors import SetupError
from runtime.local.java import Java, Requirement, describe, installed, java_for

FULL = "java.base jdk.attach jdk.jdi jdk.jlink"


def a_java(home: Path, version: str, modules: str = FULL) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="Someone"\nJAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Java, on which nothing can be installed."""
    monkeypatch.setattr(java, "FOLDERS", (str(tmp_path / "jvm"),))
    monkeypatch.setattr(packages, "install", lambda *_: False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "jvm"


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("21", 21), ("25.0.3+9", 25), ("1.8.0_412", 8)])
def test_the_release_file_tells_the_version(tmp_path: Path, version: str, major: int) -> None:
    assert describe(a_java(tmp_path / "jdk", version)) == Java(tmp_path / "jdk", major, full=True)


def test_a_runtime_without_tools_is_not_a_full_jdk(tmp_path: Path) -> None:
    found = describe(a_java(tmp_path / "jre", "21.0.1", "java.base java.sql"))
    assert found is not None
    assert not found.full


def test_without_a_release_file_java_itself_is_asked(tmp_path: Path) -> None:
    home = a_java(tmp_path / "jdk", "99")
    (home / "release").unlink()
    (home / "bin" / "java").write_text(
        "#!/bin/sh\n"
        'if [ "$1" = -version ]; then echo \'openjdk version "21.0.4" 2024-07-16\' >&2\n'
        "else printf '%s\\n' java.base@21.0.4 jdk.attach@21.0.4 jdk.jdi@21.0.4 jdk.jlink@21.0.4; fi\n"
    )
    assert describe(home) == Java(home, 21, full=True)


def test_a_java_that_does_not_run_is_left_out(tmp_path: Path) -> None:
    home = a_java(tmp_path / "jdk", "21")
    (home / "release").unlink()
    assert describe(home) is None


def test_the_oldest_java_that_fits_is_taken(machine: Path) -> None:
    for version in ("25.0.3", "17.0.15", "21.0.1"):
        a_java(machine / version, version)
    assert java_for(Requirement(17), "Kafka").major == 17
    assert java_for(Requirement(21, full=True), "Elasticsearch").major == 21


def test_a_runtime_is_passed_over_where_a_full_jdk_is_needed(machine: Path) -> None:
    a_java(machine / "jre", "21.0.1", "java.base")
    a_java(machine / "jdk", "25.0.3")
    assert java_for(Requirement(21, full=True), "Elasticsearch").major == 25


def test_java_home_is_found_and_counted_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_java(machine / "jdk", "17.0.15")
    (machine / "default").symlink_to(home)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert [found.home for found in installed()] == [home]


def test_what_is_missing_is_said_in_one_line_with_the_command_that_brings_it(machine: Path) -> None:
    a_java(machine / "jdk", "25.0.3")
    with pytest.raises(SetupError, match=r"^Spark needs Java 17 to 21.*apt-get install openjdk-17-jdk") as raised:
        java_for(Requirement(17, 21), "Spark")
    assert "\n" not in str(raised.value)


def test_what_is_missing_is_installed_where_that_is_possible(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(names: list[str], _: object) -> bool:
        asked.extend(names)
        a_java(machine / "new", "21.0.1")
        return True

    monkeypatch.setattr(packages, "install", install)
    assert java_for(Requirement(21, full=True), "Elasticsearch").home == machine / "new"
    assert asked[0] == "openjdk-21-jdk-headless"
