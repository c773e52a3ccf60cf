from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.policy.arbiter import choose
from agent.policy.reasons import Why

OUT_5 = Resize(10, 15, (Reason(Why.BREACHED, "out 5"),), "out")
OUT_2 = Resize(10, 12, (Reason(Why.BREACHED, "out 2"),), "out-2")
TO_MINIMUM = Resize(10, 16, (Reason(Why.BELOW_MINIMUM, "minimum"),))
IN_3 = Resize(10, 7, (Reason(Why.BREACHED, "in 3"),), "in")
TO_MAXIMUM = Resize(10, 8, (Reason(Why.ABOVE_MAXIMUM, "maximum"),))
IN_1 = Resize(10, 9, (Reason(Why.BREACHED, "in 1"),), "in-1")
CLEAR = Hold((Reason(Why.NOT_BREACHING, "clear"),))
MISSING = Hold((Reason(Why.SIGNAL_MISSING, "missing"),))
COUNTING_OUT = Hold((Reason(Why.COUNTING_OUT, "counting out"),))
COUNTING_IN = Hold((Reason(Why.COUNTING_IN, "counting in"),))
IDLE = Terminate((Reason(Why.IDLE, "idle"),))
DEADLINE = Terminate((Reason(Why.DEADLINE, "deadline"),))


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (OUT_5, IN_3),
        (OUT_5, OUT_2),
        (OUT_2, TO_MINIMUM),
        (IN_1, IN_3),
        (TO_MAXIMUM, OUT_5),
        (TO_MAXIMUM, IN_1),
        (TO_MAXIMUM, IDLE),
        (DEADLINE, TO_MAXIMUM),
        (OUT_2, CLEAR),
        (OUT_2, MISSING),
        (OUT_2, COUNTING_OUT),
        (IN_3, CLEAR),
        (IN_3, MISSING),
        (IN_3, COUNTING_IN),
        (COUNTING_OUT, IN_1),
        (COUNTING_OUT, IDLE),
        (OUT_2, IDLE),
        (IDLE, IN_1),
        (IDLE, CLEAR),
        (IDLE, COUNTING_IN),
        (IDLE, TO_MINIMUM),
        (DEADLINE, OUT_5),
        (DEADLINE, COUNTING_OUT),
        (DEADLINE, IDLE),
        (DEADLINE, IN_1),
        (DEADLINE, CLEAR),
    ],
)
def test_the_safer_proposal_wins_in_either_order(winner: Decision, loser: Decision) -> None:
    for proposals in ([winner, loser], [loser, winner]):
        chosen = choose(proposals)
        assert type(chosen) is type(winner)
        assert chosen.because[0] == winner.because[0]
        assert any(loser.because[0].text in reason.text for reason in chosen.because[1:])


def test_what_lost_is_context_and_keeps_no_code_that_could_be_taken_for_the_winners() -> None:
    assert choose([IN_3, OUT_5, CLEAR]) == Resize(
        10,
        15,
        (
            Reason(Why.BREACHED, "out 5"),
            Reason(Why.OVERRULED, "resize to 7 units: in 3"),
            Reason(Why.BESIDE, "clear"),
        ),
        "out",
    )


def test_holds_join_their_reasons_and_no_proposal_is_a_hold() -> None:
    assert choose([CLEAR, MISSING]) == Hold((*CLEAR.because, *MISSING.because))
    assert isinstance(choose([]), Hold)


ALL = [OUT_5, OUT_2, TO_MINIMUM, IN_3, IN_1, CLEAR, MISSING, COUNTING_OUT, COUNTING_IN, IDLE, DEADLINE]


@given(st.lists(st.sampled_from(ALL), min_size=1, unique=True), st.randoms())
def test_order_does_not_matter_and_no_reason_is_lost(proposals: list[Decision], random) -> None:  # type: ignore[no-untyped-def]
    chosen = choose(proposals)
    shuffled = list(proposals)
    random.shuffle(shuffled)
    again = choose(shuffled)
    if not isinstance(chosen, Hold):
        assert again.because[0] == chosen.because[0]
    texts = " ".join(reason.text for reason in chosen.because)
    assert all(reason.text in texts for each in proposals for reason in each.because)
