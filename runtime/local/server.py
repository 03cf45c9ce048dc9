"""What a server of this machine is: its files, its Java, its ports, its command and how to see that it works."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import ClassVar

from runtime.local.downloads import RECIPES, Download
from runtime.local.java import Java, Requirement
from runtime.local.process import Command
from runtime.settings import Settings


@dataclass(frozen=True)
class Site:
    """Where one server stands on this machine."""

    settings: Settings
    files: Path
    folder: Path
    ports: Mapping[str, int]
    kafka_bootstrap: str = ""

    @property
    def port(self) -> int:
        """The port its clients use."""
        return self.ports["port"]

    def render(self, template: Path, mode: int = 0o644, **values: object) -> Path:
        """Write a template of deploy/local, filled in, to the server's `config` folder."""
        text = Template(template.read_text(encoding="utf-8")).substitute(values)
        path = self.folder / "config" / template.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def command(self, *words: str | Path, **environment: str) -> Command:
        """A command among the server's files that gets of our own environment the PATH, and what is set for Java."""
        base = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        if options := self.settings.servers_java_options:
            base["JAVA_TOOL_OPTIONS"] = options
        return Command([str(word) for word in words], {**base, **environment}, self.files)


class Server(ABC):
    """One kind of server. A module for each kind defines one and makes its only instance."""

    name: ClassVar[str]
    title: ClassVar[str]
    given_by: ClassVar[str]
    """The setting that, when it is given, replaces this server; also the field of its address."""
    java: ClassVar[Requirement]
    download: ClassVar[Download]
    port_names: ClassVar[tuple[str, ...]] = ("port",)
    needs_kafka: ClassVar[bool] = False
    start_seconds: ClassVar[float] = 180
    """How long it may take until it answers; ten times what it takes on a machine that does nothing else."""

    @property
    def recipe(self) -> Path:
        """The folder with its pom and its configuration."""
        return RECIPES / self.name

    def address(self, site: Site) -> str:
        """What its clients connect to."""
        return self.endpoints(site)[self.given_by]

    @abstractmethod
    def prepare(self, site: Site, java: Java) -> Command:
        """Write its configuration and make its first data; what starts it."""

    @abstractmethod
    def endpoints(self, site: Site) -> dict[str, str]:
        """The fields of `Endpoints` that it fills."""

    @abstractmethod
    def answers(self, site: Site) -> bool:
        """True if a client of it gets a good answer now."""
