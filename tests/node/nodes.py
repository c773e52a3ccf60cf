"""A node's file system under a folder, as far as the verb `spark-conf` looks at it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from agent.cli import main

SETTINGS = """\
[listener]
host = "10.0.0.10"
[fleet]
max_capacity_units = 10
"""


@dataclass(frozen=True)
class Node:
    root: Path
    config: Path

    @property
    def conf(self) -> Path:
        return self.root / "etc" / "spark" / "conf"

    @property
    def file(self) -> Path:
        return self.conf / "metrics.properties"

    def spark(self) -> Node:
        self.conf.mkdir(parents=True)
        return self

    def info(self, name: str, content: object) -> None:
        folder = self.root / "mnt" / "var" / "lib" / "info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))

    def yarn_site(self, properties: Mapping[str, str]) -> None:
        folder = self.root / "etc" / "hadoop" / "conf"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "yarn-site.xml").write_text(site(properties))

    def run(self, doing: str, *options: str) -> Result:
        where = ("--config", str(self.config), "--root", str(self.root))
        return CliRunner().invoke(main, ["spark-conf", doing, *where, *options])

    def host(self) -> str | None:
        found = [line for line in self.file.read_text("latin-1").splitlines() if ".tidemark.host=" in line]
        return found[0].partition("=")[2] if found else None


def site(properties: Mapping[str, str]) -> str:
    inner = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>\n" for name, value in properties.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{inner}</configuration>\n'


def node(folder: Path, settings: str = SETTINGS) -> Node:
    root, config = folder / "root", folder / "config.toml"
    root.mkdir()
    config.write_text(settings)
    return Node(root, config)
