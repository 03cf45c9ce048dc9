"""Elasticsearch as one node with passwords; as root it runs as nobody, since it refuses to run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import ClassVar

import httpx2

from runtime.local.downloads import Download
from runtime.local.errors import ServerError, SetupError
from runtime.local.folders import secret
from runtime.local.java import SHORT_RUN, Java, Requirement
from runtime.local.ports import LOOPBACK, accepts
from runtime.local.process import Command
from runtime.local.server import Server, Site

NOBODY = 65534
USER = "elastic"
HEAP = ("-Xms512m", "-Xmx1g")
ROOT_FILES = {"LICENSE.txt", "NOTICE.txt", "bin/elasticsearch-env", "bin/elasticsearch-cli"}
NOT_NEEDED = (
    "lib/platform/windows",
    "lib/platform/darwin",
    "lib/tools/windows-service-cli",
    "lib/tools/server-launcher/server-launcher",
    "modules/x-pack-inference/",
    "modules/old-lucene-versions/",
    "modules/x-pack-geoip-enterprise-downloader/",
    "modules/rank-vectors/",
)
LAUNCHER_JARS = "lib/tools/server-launcher/server-launcher-"
CONFIG = ("elasticsearch.yml", "jvm.options", "log4j2.properties")
DISTRIBUTION_CONFIG = ("roles.yml", "role_mapping.yml", "users", "users_roles")


def placement(path: PurePosixPath) -> PurePosixPath | None:
    """The files of Elasticsearch that one node needs, out of the archive they come in."""
    if len(path.parts) < 3 or path.parts[1] != "elasticsearch":
        return None
    inner = PurePosixPath(*path.parts[2:])
    name = str(inner)
    needed = name in ROOT_FILES or inner.parts[0] in {"config", "lib", "modules"}
    unneeded = name.startswith(NOT_NEEDED) and not name.startswith(LAUNCHER_JARS)
    return inner if needed and not unneeded else None


class Elasticsearch(Server):
    """The node; its data is in `data`."""

    name: ClassVar[str] = "elasticsearch"
    title: ClassVar[str] = "Elasticsearch"
    given_by: ClassVar[str] = "elasticsearch_url"
    java: ClassVar[Requirement] = Requirement(21, full=True)
    download: ClassVar[Download] = Download("elasticsearch", "Elasticsearch", placement)
    port_names: ClassVar[tuple[str, ...]] = ("port", "transport_port")
    start_seconds: ClassVar[float] = 300

    def prepare(self, site: Site, java: Java) -> Command:
        """Make configuration and keystore, owned by the user it runs as."""
        data, logs, config = site.folder / "data", site.folder / "logs", site.folder / "config"
        temporary = site.folder / "tmp"
        for folder in (data, logs, config, temporary):
            folder.mkdir(parents=True, exist_ok=True)
        for name in CONFIG:
            site.render(self.recipe / name, data=data, logs=logs, heap_min=HEAP[0], heap_max=HEAP[1], **site.ports)
        for name in DISTRIBUTION_CONFIG:
            shutil.copyfile(site.files / "config" / name, config / name)
        _own(site.folder)
        if not (config / "elasticsearch.keystore").exists():
            _make_keystore(site, java, config)
        launcher = ("-Xms4m", "-Xmx64m", *SHORT_RUN, "-cp", f"{site.files}/lib/tools/server-launcher/*")
        words = (*launcher, "org.elasticsearch.server.launcher.ServerLauncher", "-p", site.folder / "pid")
        return site.command(*_as_user(), java.command, *words, **_environment(site, java, config))

    def endpoints(self, site: Site) -> dict[str, str]:
        """Its address and its administrator."""
        password = secret(site.settings.state, self.name)
        url = f"http://{LOOPBACK}:{site.port}"
        return {"elasticsearch_url": url, "elasticsearch_user": USER, "elasticsearch_password": password}

    def answers(self, site: Site) -> bool:
        """True if all its primary shards can be read and written."""
        if not accepts(site.port):
            return False
        known = self.endpoints(site)
        login = (USER, known["elasticsearch_password"])
        url = f"{known['elasticsearch_url']}/_cluster/health"
        try:
            answer = httpx2.get(url, auth=login, timeout=5, trust_env=False)
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["status"] in {"green", "yellow"}


def _environment(site: Site, java: Java, config: Path) -> dict[str, str]:
    return {
        "JAVA": str(java.command),
        "JAVA_TYPE": "ES_JAVA_HOME",
        "ES_JAVA_HOME": str(java.home),
        "ES_HOME": str(site.files),
        "ES_PATH_CONF": str(config),
        "ES_TMPDIR": str(site.folder / "tmp"),
        "ES_DISTRIBUTION_TYPE": "zip",
        "HOSTNAME": "localhost",
    }


def _make_keystore(site: Site, java: Java, config: Path) -> None:
    tool: list[str | Path] = [*_as_user(), java.command, "-Xms4m", "-Xmx64m", *SHORT_RUN]
    tool += ["-Dcli.name=keystore", "-Dcli.script=elasticsearch-keystore", "-Dcli.libs=lib/tools/keystore-cli"]
    tool += [f"-Des.path.home={site.files}", f"-Des.path.conf={config}", "-Des.distribution.type=zip"]
    tool += ["-cp", f"{site.files}/lib/*:{site.files}/lib/cli-launcher/*"]
    tool += ["org.elasticsearch.launcher.CliToolLauncher"]
    environment = _environment(site, java, config)
    password = secret(site.settings.state, "elasticsearch")
    _run(site.command(*tool, "add", "--stdin", "--silent", "--force", "bootstrap.password", **environment), password)


def _run(command: Command, text: str) -> None:
    done = subprocess.run(  # noqa: S603 -- the words are ours
        command.words,
        env=dict(command.environment),
        cwd=command.folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"its keystore could not be made\n{(done.stdout + done.stderr)[-2000:]}")


def _as_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SetupError("setpriv is missing: sudo apt-get install util-linux")
    return (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


ELASTICSEARCH = Elasticsearch()
