"""Every shell script that goes onto a node, read by shellcheck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SHELL = b"#!/bin/"
SCRIPTS = [
    path
    for folder in ("bootstrap", "tests/bootstrap/tools")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and path.read_bytes().startswith((SHELL + b"bash", SHELL + b"sh"))
]
OPTIONAL = "all"
LEFT_OUT = (
    "SC2249",  # a case without a default
    "SC2250",  # braces around every variable
    "SC2310",  # a function in a condition runs without `set -e`: known, each of them returns explicitly
    "SC2311",
    "SC2312",
)


def test_there_are_scripts_to_read() -> None:
    assert {"install.sh", "shutdown-action.sh", "tidemark"} <= {path.name for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck_finds_nothing(script: Path) -> None:
    checker = Path(sys.executable).parent / "shellcheck"
    command = [str(checker), "-o", OPTIONAL, "-e", ",".join(LEFT_OUT), str(script)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_installer_uses_nothing_that_bash_4_2_lacks() -> None:
    """Amazon Linux 2 has bash 4.2: an empty array is unset there, and these came later."""
    text = (ROOT / "bootstrap" / "install.sh").read_text(encoding="utf-8")
    for later in (
        "local -n",
        "declare -n",
        "@Q}",
        "@E}",
        "@A}",
        "mapfile -d",
        "readarray -d",
        "wait -n",
        "EPOCHSECONDS",
    ):
        assert later not in text
    for name in ("as_root", "in_image", "options", "SETTINGS"):
        unguarded = text.replace(f'${{{name}[@]+"${{{name}[@]}}"}}', "").count(f'"${{{name}[@]}}"')
        assert unguarded == 0, name
