"""`docs/metrics.md` says what the code does: no row missing, none too many, none different."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.aggregate.catalogue import METRICS
from agent.aggregate.catalogue_doc import HEADER, markdown, remote_markdown
from agent.sinks.limits import fault_of
from agent.wire.refusals import MEANINGS

PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


def rows(text: str, header: str) -> list[str]:
    """The rows of the one table with that header."""
    _, found, after = text.partition(header + "\n")
    assert found, f"no table with {header!r}"
    return [line for line in after.split("\n\n")[0].splitlines() if not line.startswith("|---")]


def test_the_table_of_metrics_is_the_catalogue() -> None:
    assert rows(PAGE.read_text(encoding="utf-8"), HEADER) == rows(markdown(), HEADER)
    assert len(rows(markdown(), HEADER)) == len(METRICS)


def test_the_table_of_remote_signals_is_the_catalogues() -> None:
    after = PAGE.read_text(encoding="utf-8").partition("## Remote signals\n")[2]
    assert rows(after, HEADER) == rows(remote_markdown(), HEADER)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [line.replace("| Percent |", "| Bytes |") for line in lines],
    ],
    ids=["a row missing", "a row too many", "another unit"],
)
def test_a_page_that_differs_is_noticed(change: object) -> None:
    text = PAGE.read_text(encoding="utf-8")
    old = rows(text, HEADER)
    changed = text.replace("\n".join(old), "\n".join(change(old)))  # type: ignore[operator]
    assert rows(changed, HEADER) != rows(markdown(), HEADER)


def test_every_refusal_of_the_line_in_is_listed_with_its_meaning() -> None:
    listed = rows(PAGE.read_text(encoding="utf-8"), "| counter | meaning |")
    assert [f"| `{name}` | {meaning} |" for name, meaning in MEANINGS.items()] == listed[: len(MEANINGS)]


def test_the_numbers_that_the_page_tells_are_the_catalogues() -> None:
    text = PAGE.read_text(encoding="utf-8")
    by_application = sum(metric.per_application for metric in METRICS)
    assert re.findall(r"`\{ClusterId\}` \| all (\d+)", text) == [str(len(METRICS))]
    assert re.findall(r"\*by application\*, (\d+)", text) == [str(by_application)]
    assert f"{len(METRICS) * 0.30:.2f} USD" in text
    assert f"{by_application * 0.30:.2f} USD" in text


def test_every_reason_for_which_a_datum_is_not_sent_is_listed() -> None:
    """The reasons are the constant words in the module that judges them."""
    module = Path(fault_of.__code__.co_filename).read_text(encoding="utf-8")
    words = set(re.findall(r'return "(\w+)"', module)) | set(re.findall(r'else "(\w+)"', module))
    listed = next(row for row in rows(PAGE.read_text(encoding="utf-8"), "| counter | meaning |") if "invalid." in row)
    assert words == set(re.findall(r"`(\w+)`", listed))
