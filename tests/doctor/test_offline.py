"""The installer's smoke test: no network, no file but the settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.doctor import offline
from agent.doctor.findings import Status

LEAST = "[fleet]\nmax_capacity_units = 4\n"

WITHOUT_NETWORK = """
import sys

def hook(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen"}:
        raise SystemExit(f"it wanted {event} {args}")

sys.addaudithook(hook)
from agent.cli import main
main(sys.argv[1:], prog_name="tidemark")
"""


def offline_run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_NETWORK, "doctor", "--offline", "--json", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] is (done.returncode == 0)
    return {check["check"]: check["status"] for check in found["checks"]}


def test_it_needs_the_settings_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'{LEAST}[journal]\npath = "{tmp_path}/journal.jsonl"\n')
    before = sorted(tmp_path.rglob("*"))
    done = offline_run("--config", tmp_path / "config.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = ("interpreter", "packages", "aws models", "settings", "state folder")
    assert statuses(done) == dict.fromkeys(wanted, "ok")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_settings_are_looked_for_under_the_root(tmp_path: Path) -> None:
    config = tmp_path / "etc" / "tidemark" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(LEAST)
    (tmp_path / "var" / "lib" / "tidemark").mkdir(parents=True)
    found = statuses(offline_run("--root", tmp_path))
    assert (found["settings"], found["state folder"]) == ("ok", "ok")


def test_a_folder_that_the_installer_has_still_to_make_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'{LEAST}[journal]\npath = "{tmp_path}/later/journal.jsonl"\n')
    done = offline_run("--config", tmp_path / "config.toml")
    assert (done.returncode, statuses(done)["state folder"]) == (0, "warn")


@pytest.mark.parametrize(
    ("text", "said"),
    [("[fleet]\n", "fleet.max_capacity_units: is required"), ("no toml", "is not TOML"), (None, "cannot be read")],
)
def test_settings_that_cannot_be_used_fail_and_say_what(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    done = CliRunner().invoke(main, ["doctor", "--offline", "--config", str(file)], env={"COLUMNS": "200"})
    assert done.exit_code == 1
    assert said.split(":")[0] in " ".join(done.output.split()), "whatever the width"


def test_without_settings_the_full_run_says_so_and_asks_nobody(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["doctor", "--json", "--config", str(tmp_path / "absent.toml")])
    assert done.exit_code == 1
    skipped = [check for check in json.loads(done.output)["checks"] if check["status"] == "skip"]
    assert {check["seen"] for check in skipped} == {"there are no settings"}


def test_an_interpreter_that_is_too_old_and_a_package_that_is_missing_fail() -> None:
    assert offline.interpreter((3, 9, 18)).status is Status.FAIL
    assert offline.interpreter((3, 13, 0)).status is Status.OK
    found = offline.packages(("json", "tidemark_has_no_such_module"))
    assert (found.status, "tidemark_has_no_such_module" in found.seen) == (Status.FAIL, True)
