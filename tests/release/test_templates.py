"""install.sh and the policy are filled in whole or not at all."""

from __future__ import annotations

import json

import pytest

from agent.release.location import Location
from agent.release.places import CHECKOUT, ReleaseError
from agent.release.templates import BEGIN, END, fill_install, fill_policy, install_values

BASE = Location("bucket", "prefix/1.0")
WITHOUT = dict.fromkeys(("@TOPIC_ARN@", "@QUEUE_ARN@", "@TABLE_ARN@"))
VALUES = install_values("1.0", BASE, [])


def script(*names: str) -> str:
    return "\n".join(["#!/bin/bash", BEGIN, *(f'{name}=""' for name in names), END, 'OTHER=""', ""])


def test_only_the_lines_between_the_marks_change() -> None:
    template = (CHECKOUT / "bootstrap" / "install.sh").read_text()
    filled = fill_install(template, VALUES)
    changed = [(a, b) for a, b in zip(template.splitlines(), filled.splitlines(), strict=True) if a != b]
    assert changed == [
        ('TIDEMARK_VERSION=""', 'TIDEMARK_VERSION="1.0"'),
        ('TIDEMARK_BASE=""', 'TIDEMARK_BASE="s3://bucket/prefix/1.0"'),
    ]


@pytest.mark.parametrize(
    "template",
    [
        script(*list(VALUES)[:-1]),
        script(*VALUES, "ONE_MORE"),
        script(*VALUES).replace(END, ""),
        script(*VALUES) + script(*VALUES),
        script(*VALUES).replace('TIDEMARK_BASE=""', 'TIDEMARK_BASE="s3://old/1.0"'),
        script(*VALUES).replace('TIDEMARK_BASE=""', 'TIDEMARK_BASE=""; id'),
    ],
    ids=["one missing", "one unknown", "no end", "twice", "filled already", "more than a placeholder"],
)
def test_another_set_of_placeholders_is_refused(template: str) -> None:
    with pytest.raises(ReleaseError, match=r"install\.sh"):
        fill_install(template, VALUES)


@pytest.mark.parametrize("value", ['a"b', "$(id)", "`id`", "a\nb", "a\\"])
def test_a_value_that_a_shell_would_read_otherwise_is_refused(value: str) -> None:
    with pytest.raises(ReleaseError, match="TIDEMARK_BASE"):
        fill_install(script(*VALUES), {**VALUES, "TIDEMARK_BASE": value})


def test_a_policy_has_the_partition_of_its_region_and_no_placeholder_left() -> None:
    template = (CHECKOUT / "bootstrap" / "iam-policy.json").read_text()
    filled = fill_policy(template, Location("bucket", ""), WITHOUT, "aws-cn")
    assert "arn:aws:" not in filled
    statements = {each["Sid"]: each for each in json.loads(filled)["Statement"]}
    assert statements["TidemarkReadRelease"]["Resource"] == "arn:aws-cn:s3:::bucket/*"
    with pytest.raises(ReleaseError, match="@ACCOUNT@"):
        fill_policy(template.replace("@BUCKET@", "@ACCOUNT@"), BASE, WITHOUT)
