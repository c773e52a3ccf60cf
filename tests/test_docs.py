"""The documentation names what exists: reason codes, verbs, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.cli import main
from agent.policy.reasons import Why

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CHANGELOG.md"]


def test_every_code_of_the_operating_page_is_one_of_the_code() -> None:
    table = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").split("| code |")[1].split("\n\n")[0]
    codes = {code for row in table.splitlines()[2:] for code in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    codes = {code for code in codes if not code.startswith("-")}
    assert len(codes) > 15
    assert codes <= {why.value for why in Why}


def test_every_verb_that_the_documentation_names_exists() -> None:
    named = {
        verb for page in PAGES for verb in re.findall(r"`(?:\$ )?tidemark ([a-z-]+)", page.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= set(main.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
