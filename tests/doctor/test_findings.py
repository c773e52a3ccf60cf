"""Checks are run all at once, each alone, and not for ever."""

from __future__ import annotations

import threading

from agent.doctor.findings import Check, Finding, Status, fail, failed, ok, run, skip, warn

PATIENCE_S = 60.0


def broken() -> Finding:
    raise ZeroDivisionError("of its own")


def test_the_findings_come_in_the_order_of_the_checks_whichever_is_over_first() -> None:
    gate = threading.Event()

    def last() -> Finding:
        assert gate.wait(PATIENCE_S)
        return ok("waited for the other")

    def first() -> Finding:
        gate.set()
        return ok("at once")

    found = run([Check("slow", last), Check("quick", first)], PATIENCE_S)
    assert [(named.name, named.finding.seen) for named in found] == [
        ("slow", "waited for the other"),
        ("quick", "at once"),
    ]


def test_a_check_that_hangs_has_failed_and_holds_up_no_other() -> None:
    never = threading.Event()

    def hang() -> Finding:
        never.wait()
        return ok("late")

    found = run([Check("hangs", hang), Check("works", lambda: ok("seen"))], 1.0)
    never.set()
    assert [named.finding.status for named in found] == [Status.FAIL, Status.OK]
    assert "not over after 1 s" in found[0].finding.seen


def test_a_check_that_raises_has_failed_and_says_what() -> None:
    found = run([Check("broken", broken), Check("works", lambda: ok("seen"))], PATIENCE_S)
    assert [named.finding.status for named in found] == [Status.FAIL, Status.OK]
    assert "ZeroDivisionError: of its own" in found[0].finding.seen


def test_only_a_failure_fails() -> None:
    calm = [ok(""), warn("", ""), skip("")]
    assert not failed(run([Check(str(n), lambda found=found: found) for n, found in enumerate(calm)], PATIENCE_S))  # type: ignore[misc]
    assert failed(run([Check("bad", lambda: fail("", ""))], PATIENCE_S))
