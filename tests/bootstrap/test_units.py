"""The units: accepted by systemd, hardened, and of what the node's systemd knows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.settings import SupervisorSettings

UNITS = Path(__file__).parent.parent.parent / "bootstrap" / "units"
SERVICES = sorted(UNITS.glob("*/*.service"))
MOST_EXPOSED = 2.5

KNOWN_TO_219 = {
    *("Description", "After", "Wants", "WantedBy", "Type", "User", "Group", "EnvironmentFile", "ExecStart"),
    *("ExecStartPre", "PermissionsStartOnly", "Restart", "RestartSec", "StartLimitInterval", "KillMode", "UMask"),
    *("TimeoutStopSec", "TimeoutStartSec", "SyslogLevel", "OOMScoreAdjust", "MemoryLimit", "CPUQuota", "Nice"),
    *("IOSchedulingPriority", "LimitNOFILE", "LimitNPROC", "LimitCORE", "ProtectSystem", "ProtectHome", "PrivateTmp"),
    *("PrivateDevices", "ReadOnlyDirectories", "CapabilityBoundingSet", "NoNewPrivileges", "SystemCallFilter"),
    *("RestrictAddressFamilies", "SystemCallArchitectures", "SystemCallErrorNumber"),
    *("OnBootSec", "OnActiveSec", "OnUnitInactiveSec", "AccuracySec"),
}
"""Of systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.resource-control(5) and systemd.timer(5) there."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    return subprocess.run(["systemd-analyze", *arguments], check=False, capture_output=True, text=True, timeout=60)


def directives(unit: Path) -> list[tuple[str, str]]:
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [(key, value) for line in lines if line[:1].isalpha() for key, _, value in [line.partition("=")]]


@pytest.mark.parametrize("variant", ["systemd-219", "systemd-252"])
def test_systemd_accepts_the_units(variant: str, tmp_path: Path) -> None:
    """With commands that exist on any machine: those of the units are only there once they are installed."""
    for unit in (UNITS / variant).iterdir():
        text = re.sub(r"/opt/tidemark/current/bin/tidemark|/usr/bin/install", "/bin/true", unit.read_text("utf-8"))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = analyze("verify", *map(str, sorted(tmp_path.iterdir())))
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith("tidemark")]
    if variant == "systemd-219":
        said = [line for line in said if "MemoryLimit=" not in line]
    assert done.returncode == 0
    assert not said


@pytest.mark.parametrize("unit", [unit for unit in SERVICES if "252" in str(unit)], ids=lambda unit: unit.name)
def test_the_exposure_is_low(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout[-2000:]
    (score,) = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(score) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", sorted((UNITS / "systemd-219").iterdir()), ids=lambda unit: unit.name)
def test_amazon_linux_2_knows_every_directive(unit: Path) -> None:
    assert {key for key, _ in directives(unit)} <= KNOWN_TO_219
    for key, value in directives(unit):
        assert not (key == "SystemCallFilter" and "@" in value), "groups of system calls came with 231"
        assert not (key.startswith("Exec") and value[0] in "+!"), "these prefixes came with 231"


@pytest.mark.parametrize("variant", ["systemd-219", "systemd-252"])
def test_it_is_started_again_for_ever_and_has_time_to_stop(variant: str) -> None:
    found = dict(directives(UNITS / variant / "tidemark.service"))
    assert found["Restart"] == "always"
    assert found.get("StartLimitIntervalSec", found.get("StartLimitInterval")) == "0"
    assert float(found["TimeoutStopSec"]) > SupervisorSettings().stop_timeout_s
    assert int(found["OOMScoreAdjust"]) > 0
    assert "Hadoop" not in found.get("After", "") and "hadoop" not in found.get("After", "")


@pytest.mark.parametrize("variant", ["systemd-219", "systemd-252"])
def test_nothing_binds_it_to_units_that_emr_restarts(variant: str) -> None:
    for unit in (UNITS / variant).iterdir():
        assert not {"Requires", "BindsTo", "PartOf", "Requisite"} & {key for key, _ in directives(unit)}
