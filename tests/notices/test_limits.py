"""Never more than the limit in an hour, the end of the cluster always, and nothing that grows."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.notices import NoticeKind, Told
from agent.notices.limits import ALWAYS, HOUR_S, MOST_KEPT, REMINDED, admit, may_send, suppress
from agent.settings_notices import NoticeSettings

KINDS = st.sampled_from(sorted(NoticeKind))
STREAMS = st.lists(st.tuples(st.floats(0, 2000), KINDS), max_size=150)
"""Waits between notices, and what each is of."""


def run(
    stream: list[tuple[float, NoticeKind]], settings: NoticeSettings
) -> tuple[list[tuple[float, NoticeKind]], Told]:
    told, sent, at = Told(), [], 0.0
    counted = dict.fromkeys(NoticeKind, 0)
    for wait, kind in stream:
        at += wait
        if may_send(told, kind, at, settings):
            told, besides = admit(told, kind, at)
            sent.append((at, kind))
            for other, count in besides.items():
                counted[other] += count
        else:
            told = suppress(told, kind)
    for kind in NoticeKind:
        whole = sum(one == kind for _, one in stream)
        assert whole == sum(one == kind for _, one in sent) + counted[kind] + told.suppressed.get(kind, 0)
    return sent, told


@given(STREAMS, st.integers(1, 5), st.floats(0, 1000))
def test_no_hour_has_more_than_the_limit_and_the_end_is_always_told(
    stream: list[tuple[float, NoticeKind]], limit: int, interval_s: float
) -> None:
    settings = NoticeSettings(max_per_hour=limit, min_interval_s=interval_s)
    sent, told = run(stream, settings)
    ordinary = [(at, kind) for at, kind in sent if kind not in ALWAYS]
    for begin, _ in ordinary:
        assert sum(begin <= at < begin + HOUR_S for at, _ in ordinary) <= limit
    for kind in set(NoticeKind) - ALWAYS:
        times = [at for at, one in sent if one == kind]
        # the same sum of the same numbers may differ in its last bits
        assert all(later - earlier >= interval_s * (1 - 1e-9) for earlier, later in pairwise(times))
    asked = list(zip(_times(stream), (kind for _, kind in stream), strict=True))
    once = ALWAYS - REMINDED
    assert [at_kind for at_kind in sent if at_kind[1] in once] == [at_kind for at_kind in asked if at_kind[1] in once]
    for kind in REMINDED:
        told_of = [at for at, one in sent if one == kind]
        assert told_of[:1] == [at for at, one in asked if one == kind][:1]
        assert all(later - earlier >= HOUR_S for earlier, later in pairwise(told_of))
    assert len(told.last) <= len(NoticeKind) and len(told.suppressed) <= len(NoticeKind)


def _times(stream: list[tuple[float, NoticeKind]]) -> list[float]:
    times, at = [], 0.0
    for wait, _ in stream:
        at += wait
        times.append(at)
    return times


def test_what_is_remembered_is_bounded_even_for_what_is_always_told() -> None:
    told = Told()
    for second in range(3 * MOST_KEPT):
        told, _ = admit(told, NoticeKind.ENDING, second / 10)
    assert len(told.sent) == MOST_KEPT


def test_a_clock_that_was_set_back_silences_nobody_for_longer_than_an_hour() -> None:
    settings = NoticeSettings(max_per_hour=1, min_interval_s=10)
    told, _ = admit(Told(), NoticeKind.RESIZED, 1_000_000.0)
    assert not may_send(told, NoticeKind.RESIZED, 5_000.0, settings)
    told, _ = admit(told, NoticeKind.ENDED, 5_000.0)
    assert may_send(told, NoticeKind.RESIZED, 5_000.0 + HOUR_S, settings)
