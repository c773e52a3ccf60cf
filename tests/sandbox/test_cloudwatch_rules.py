"""The rules of composite alarms."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.cloudwatch.rules import RuleError, parse
from agent.sandbox.cloudwatch.states import State

STATES: Mapping[str, State] = {
    "hot": State.ALARM,
    "calm": State.OK,
    "blind": State.INSUFFICIENT_DATA,
    "a-b c/d": State.ALARM,
    'say "no" (now)': State.ALARM,
}
HOLDS = {
    'ALARM("hot")': True,
    "ALARM(hot)": True,
    'ALARM ( "hot" )': True,
    "OK(hot)": False,
    "OK(calm)": True,
    "INSUFFICIENT_DATA(blind)": True,
    "NOT ALARM(calm)": True,
    "ALARM(hot) AND ALARM(calm)": False,
    "ALARM(hot) OR ALARM(calm)": True,
    "ALARM(calm) OR ALARM(hot) AND NOT OK(blind)": True,
    "(ALARM(calm) OR ALARM(hot)) AND OK(blind)": False,
    "TRUE": True,
    "FALSE OR NOT FALSE": True,
    "ALARM(a-b c/d)": True,
    r'ALARM("say \"no\" (now)")': True,
    'ALARM("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:hot")': True,
    "ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a-b c/d)": True,
    'ALARM("hot")\n  AND\n  NOT(OK("blind"))': True,
    "ALARM(nobody)": False,
    "INSUFFICIENT_DATA(nobody)": True,
}
REFUSED = [
    "", "ALARM", "ALARM()", "hot", '"hot"', "ALARM(hot) ALARM(calm)", "ALARM(hot) AND", "ALARM(hot) and ALARM(calm)",
    "not ALARM(hot)", "(ALARM(hot)", "BROKEN(hot)", "1", "True", "ALARM(hot) == OK(calm)", "_0 OR ALARM(hot)",
    'AT_LEAST(1, ALARM, ("hot"))', "ALARM(hot) if TRUE else FALSE", "[ALARM(hot)]",
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), HOLDS.items(), ids=HOLDS)
def test_a_rule_holds_by_the_states_that_it_speaks_of(text: str, wanted: bool) -> None:
    assert parse(text).holds(lambda name: STATES.get(name, State.INSUFFICIENT_DATA)) is wanted


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text)


def test_the_alarms_of_a_rule_are_told_once_and_by_name() -> None:
    rule = parse('ALARM(b) OR (OK("a") AND ALARM("arn:aws:cloudwatch:r:1:alarm:b")) OR INSUFFICIENT_DATA(c)')
    assert rule.alarms() == ("b", "a", "c")


RULES = st.recursive(
    st.sampled_from(["ALARM(hot)", "OK(calm)", 'INSUFFICIENT_DATA("blind")', "OK(hot)", "TRUE", "FALSE"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"NOT ({one})"),
    ),
    max_leaves=12,
)


@given(RULES, RULES)
def test_rules_obey_the_laws_of_logic(one: str, two: str) -> None:
    def holds(text: str) -> bool:
        return parse(text).holds(STATES.__getitem__)

    assert holds(f"NOT ({one})") is not holds(one)
    assert holds(f"NOT (({one}) AND ({two}))") is holds(f"NOT ({one}) OR NOT ({two})")
    assert holds(f"({one}) OR ({two})") is (holds(one) or holds(two))


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    try:
        parse(text).holds(lambda _: State.OK)
    except RuleError:
        return
