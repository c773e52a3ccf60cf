"""docs/requirements.md is complete, and names only what exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
COUNTS = {"A": 30, "B": 22, "C": 26, "D": 15, "E": 28}
NOT_BUILT = "not built"
_ROW = re.compile(r"\| [A-Z]\d")
_QUOTED = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    id: str
    asked: str
    where: list[str]
    tests: list[str]
    remark: str


def row(line: str) -> Row:
    which, asked, where, tests, remark = (cell.strip() for cell in line.strip().strip("|").split("|"))
    return Row(which, asked, _QUOTED.findall(where), _QUOTED.findall(tests), remark)


ROWS = [row(line) for line in PAGE.splitlines() if _ROW.match(line)]
BY_ID = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


def test_every_requirement_is_there_once_and_in_order() -> None:
    wanted = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert [row.id for row in ROWS] == wanted


@BY_ID
def test_a_row_is_shown_by_tests_or_says_why_it_is_not_built(row: Row) -> None:
    assert row.asked
    assert bool(row.tests) is bool(row.where)
    assert bool(row.tests) is not row.remark.startswith(NOT_BUILT), "tests or a reason, and not both"
    if not row.tests:
        assert len(row.remark) > len(NOT_BUILT) + 10, "the reason"


@BY_ID
def test_the_files_and_tests_of_a_row_exist(row: Row) -> None:
    for path in row.where:
        assert (ROOT / path).exists(), path
    for test in row.tests:
        path, _, name = test.partition("::")
        assert name in names_in(ROOT / path), test


def test_the_sum_on_the_page_is_that_of_the_rows() -> None:
    built = sum(bool(row.tests) for row in ROWS)
    partly = sum(row.remark.startswith("partly:") for row in ROWS)
    said = f"Of {len(ROWS)} rows {built} are built, {partly} of them in part, and {len(ROWS) - built} are not."
    assert said in PAGE
