"""What every installation ends in, however it came to it."""

from __future__ import annotations

import subprocess

from tests.bootstrap.node import Kind, Node
from tests.bootstrap.releases import Published

SERVICES = ["tidemark-sparkconf.timer", "tidemark.service"]


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_good(node: Node, release: Published, said: str = "") -> None:
    """What every installation ends in, however it came to it."""
    assert node.links().get("current") == f"releases/{release.release}", said
    version = node.run([node.inside(node.root / "opt/tidemark/current/bin/tidemark"), "version"])
    assert version.stdout == f"tidemark {release.version}\n", version.stderr + said
    settings = node.inside(node.root / "etc/tidemark/config.toml")
    checked = node.run([node.inside(node.root / "opt/tidemark/current/bin/tidemark"), "check", settings])
    assert checked.returncode == 0, checked.stderr
    enabled = sorted(path.name for path in (node.root / "recorded/enabled").iterdir())
    assert enabled == SERVICES
    if node.kind is Kind.NAMESPACES:
        running = {path.name: path.read_text().strip() for path in (node.root / "recorded/active").iterdir()}
        assert running == dict.fromkeys(SERVICES, f"releases/{release.release}")
        assert (node.root / "etc/tidemark/config.toml").stat().st_mode & 0o777 == 0o640
    left = [path.name for path in (node.root / "opt/tidemark").rglob("*") if path.name.startswith((".work", ".old"))]
    left += [str(path) for path in node.root.rglob("*.new") if "opt" not in path.parts or "lib" not in path.parts]
    assert not left
