"""What the reasons say of applications that are not finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.readings import Application, ContainerAsk
from agent.policy import busy
from agent.policy.unfinished import NAME_LENGTH, described
from tests.policy.build import NOW, history, observation, reading, settings

SESSION = Application(
    id="app_1", name="notebook", state="RUNNING", memory_used_mb=1024, kind="SPARK", containers=2, asks=()
)
WAITING = Application(id="app_2", name="etl", state="ACCEPTED", memory_used_mb=0, kind="SPARK")
MASTER = ContainerAsk(memory_mb=256, cores=1, label="", count=1)


@pytest.mark.parametrize(
    ("app", "unused_s", "after_s", "text"),
    [
        (SESSION, None, None, "app_1 (notebook) is RUNNING [holds 2 containers with 1024 MB]"),
        (
            SESSION,
            None,
            60.0,
            "app_1 (notebook) is RUNNING [holds 2 containers with 1024 MB, not known to be unused]",
        ),
        (
            SESSION,
            61.0,
            60.0,
            "app_1 (notebook) is RUNNING [holds 2 containers with 1024 MB, without a task or a job for 61 s of 60 s]",
        ),
        (
            replace(SESSION, asks=(replace(MASTER, memory_mb=768, count=3), replace(MASTER, label="CORE"))),
            None,
            None,
            "app_1 (notebook) is RUNNING [holds 2 containers with 1024 MB, waits for 3 containers of 768 MB and "
            "1 container of 256 MB labelled CORE]",
        ),
        (WAITING, None, 60.0, "app_2 (etl) is ACCEPTED"),
        (
            replace(WAITING, asks=(MASTER,), limited_by="the queue's share for application masters"),
            None,
            60.0,
            "app_2 (etl) is ACCEPTED [waits for 1 container of 256 MB, kept waiting by the queue's share for "
            "application masters]",
        ),
        (replace(SESSION, containers=None, name=""), None, None, "app_1 is RUNNING [holds 1024 MB]"),
    ],
)
def test_it_names_what_is_held_and_what_is_waited_for(
    app: Application, unused_s: float | None, after_s: float | None, text: str
) -> None:
    assert described((app,), lambda _: unused_s, after_s) == f"1 unfinished: {text}"


def test_many_applications_and_long_names_stay_short() -> None:
    many = tuple(replace(SESSION, id=f"app_{number}", name="select\n" * 1000) for number in range(500))
    text = described(many, lambda _: None, None)
    assert text.startswith("500 unfinished: app_0 (select select") and text.endswith(", and 497 more")
    assert len(text) < 3 * (NAME_LENGTH + 80) and "\n" not in text


def test_those_that_keep_the_cluster_are_named_first() -> None:
    """Three sessions that are unused are listed before the one that is not: it is the reason."""
    unused = tuple(replace(SESSION, id=f"unused_{number}") for number in range(3))
    seen = observation(
        reading=reading(applications=(*unused, SESSION), containers_pending=0),
        history=history(unused_since={app.id: NOW - 100 for app in unused}),
    )
    verdicts = busy.verdicts(seen, settings(idle={"unused_application_after_s": 60}))
    (verdict,) = [each for each in verdicts if each.probe == busy.APPLICATIONS]
    assert verdict.busy and verdict.detail.startswith("4 unfinished: app_1 (notebook) is RUNNING")
    assert "unused_0 (notebook)" in verdict.detail and verdict.detail.endswith(", and 1 more")
