"""Both tables keep one contract: DynamoDB through boto3 and HTTP, and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.faults import PermanentFault
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.table import (
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Index,
    Item,
    NoneOf,
    OneOf,
    Present,
    Table,
)
from tests.lifecycle.dynamo import dynamo, dynamo_table


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamo() as made:
        yield made


@pytest.fixture(params=["memory", "dynamo"])
def table(request: pytest.FixtureRequest, client: Any) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
        return
    with dynamo_table(client) as made:
        yield made


@pytest.fixture(scope="module")
def one_table(client: Any) -> Iterator[DynamoTable]:
    """For many examples, each of which clears up before it begins."""
    with dynamo_table(client) as made:
        yield made


def put(table: Table, key: str, **attributes: Any) -> Item:
    row = table.change(Change(key=key, set=attributes))
    assert row is not None
    return row


def keys(rows: Iterator[Item]) -> list[str]:
    return [row["key"] for row in rows]


def test_a_row_comes_back_as_it_was_written(table: Table) -> None:
    values = {
        "text": "ä ☃",
        "empty": "",
        "at": 1_763_755_200.123,
        "tiny": 1e-9,
        "large": 123_456_789_012_345_678_901,
        "whole": 3.0,
        "yes": True,
        "no": False,
        "list": [1, "two", None, [3.5]],
        "map": {"a": {"b": [True, None]}, "c": 0},
        "none": {},
    }
    written = put(table, "ROW#1", **values)
    assert written == {"key": "ROW#1", **values}
    assert table.get("ROW#1") == written
    assert table.get("ROW#2") is None


@given(number=st.floats(1e-100, 2**53) | st.integers(-(10**37), 10**37) | st.floats(0, 5e9).map(lambda x: round(x, 3)))
def test_numbers_lose_nothing(one_table: DynamoTable, number: float) -> None:
    put(one_table, "N", n=number)
    row = one_table.get("N")
    assert row is not None
    assert row["n"] == number


def test_what_a_change_does_to_the_attributes(table: Table) -> None:
    put(table, "ROW", kept=1, gone=2, count=3, there=4, written=5)
    row = table.change(
        Change(
            key="ROW",
            set={"written": 50, "none": None, "new": [1]},
            default={"there": 40, "fresh": 6, "nothing": None},
            add={"count": 0.5, "other": -1},
            remove=["gone", "never"],
        )
    )
    expected = {"kept": 1, "count": 3.5, "there": 4, "written": 50, "new": [1], "fresh": 6, "other": -1}
    assert row == {"key": "ROW", **expected}
    assert table.get("ROW") == row


def test_none_leaves_what_was_there(table: Table) -> None:
    put(table, "ROW", a=1)
    assert table.change(Change(key="ROW", set={"a": None})) == {"key": "ROW", "a": 1}


def test_numbers_are_added_in_decimal_digits(table: Table) -> None:
    put(table, "ROW", n=0.1)
    row = table.change(Change(key="ROW", add={"n": 0.2}))
    assert row is not None
    assert row["n"] == 0.3


def test_a_row_is_deleted(table: Table) -> None:
    put(table, "ROW", owner="me", created_at=1, n=1)
    assert table.change(Change(key="ROW", delete=True, when=[Equals("n", 2)])) is None
    assert table.change(Change(key="ROW", delete=True, when=[Equals("n", 1)])) == {}
    assert table.get("ROW") is None
    assert keys(table.rows(Index.OWNER, "me")) == []
    assert table.change(Change(key="ROW", delete=True)) == {}
    assert table.change(Change(key="ROW", delete=True, when=[Present("n")])) is None


def test_what_changes_nothing_asks_and_makes_no_row(table: Table) -> None:
    assert table.change(Change(key="ROW")) == {}
    assert table.change(Change(key="ROW", when=[Absent("n")])) == {}
    assert table.change(Change(key="ROW", when=[Present("n")])) is None
    assert table.change_all([Change(key="ROW"), Change(key="OTHER", when=[Absent("n")])])
    assert not table.change_all([Change(key="ROW"), Change(key="OTHER", when=[Present("n")])])
    assert table.get("ROW") is None
    assert table.get("OTHER") is None


def test_what_only_removes_needs_a_row(table: Table) -> None:
    assert table.change(Change(key="ROW", remove=["n"])) is None
    assert not table.change_all([Change(key="ROW", remove=["n"]), Change(key="OTHER", set={"n": 1})])
    assert table.get("ROW") is None
    assert table.get("OTHER") is None
    put(table, "ROW", n=1)
    assert table.change(Change(key="ROW", remove=["n"])) == {"key": "ROW"}


CONDITIONS: Sequence[tuple[Condition, Mapping[str, bool]]] = [
    (Absent("a"), {"": True, "text": False, "2": False}),
    (Present("a"), {"": False, "text": True, "2": True}),
    (Equals("a", "text"), {"": False, "text": True, "2": False}),
    (Equals("a", 2), {"": False, "text": False, "2": True, "2.5": False}),
    (Equals("a", 2.5), {"2": False, "2.5": True}),
    (OneOf("a", ["other", "text"]), {"": False, "text": True, "2": False}),
    (OneOf("a", []), {"": False, "text": False}),
    (OneOf("a", [f"w{n}" for n in range(250)] + ["text"]), {"": False, "text": True, "2": False}),
    (NoneOf("a", ["other", "text"]), {"": True, "text": False, "2": True}),
    (NoneOf("a", []), {"": True, "text": True}),
    (NoneOf("a", [f"w{n}" for n in range(250)] + ["text"]), {"": True, "text": False, "2": True}),
    (Below("a", 2.5), {"": True, "2": True, "2.5": False, "3": False}),
    (Above("a", 2), {"": False, "2": False, "2.5": True, "3": True}),
]
VALUES: Mapping[str, Any] = {"": None, "text": "text", "2": 2, "2.5": 2.5, "3": 3}


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in all or none"])
@pytest.mark.parametrize(("condition", "answers"), CONDITIONS, ids=lambda v: repr(v)[:40])
def test_every_condition(table: Table, condition: Condition, answers: Mapping[str, bool], together: bool) -> None:
    for which, holds in answers.items():
        put(table, which or "none", a=VALUES[which], there=True)
        change = Change(key=which or "none", set={"done": True}, when=[condition])
        done = table.change_all([change]) if together else table.change(change) is not None
        assert done is holds, which
        row = table.get(which or "none")
        assert row is not None
        assert ("done" in row) is holds, which
        assert (table.change(Change(key=which or "none", when=[condition])) is not None) is holds, which


def test_of_a_row_that_is_not_there_every_attribute_is_absent(table: Table) -> None:
    for n, (condition, answers) in enumerate(CONDITIONS):
        made = table.change(Change(key=f"NEW#{n}", set={"b": 1}, when=[condition]))
        assert (made is not None) is answers.get("", False), condition
        assert (table.get(f"NEW#{n}") is not None) is (made is not None)


def test_all_or_none(table: Table) -> None:
    put(table, "A", n=1)
    put(table, "B", n=1)
    both = [Change(key="A", set={"n": 2}), Change(key="B", delete=True, when=[Equals("n", 2)])]
    assert not table.change_all(both)
    assert table.get("A") == {"key": "A", "n": 1}
    put(table, "B", n=2)
    assert table.change_all([*both, Change(key="C", default={"n": 7}), Change(key="A2", when=[Absent("n")])])
    assert table.get("A") == {"key": "A", "n": 2}
    assert table.get("B") is None
    assert table.get("C") == {"key": "C", "n": 7}
    assert table.change_all([])


def test_a_hundred_rows_at_once_and_no_more(table: Table) -> None:
    many = [Change(key=f"R#{n}", set={"n": n}) for n in range(101)]
    assert table.change_all(many[:100])
    assert len(list(table.keyed("R#"))) == 100
    with pytest.raises(PermanentFault, match="at most 100"):
        table.change_all(many)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(key="", set={"a": 1}), "without a key"),
        (Change(key="A", set={"a": 1}, remove=["a"]), "names an attribute twice"),
        (Change(key="A", set={"a": 1}, default={"a": 1}), "names an attribute twice"),
        (Change(key="A", remove=["a", "a"]), "names an attribute twice"),
        (Change(key="A", set={"key": "B"}), "or the key"),
        (Change(key="A", set={"owner": ""}), "owner of A is ''"),
        (Change(key="A", set={"owner": 5}), "owner of A is 5"),
        (Change(key="A", default={"created_at": "now"}), "created_at of A is 'now'"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_no_table_would_take(table: Table, change: Change, said: str) -> None:
    with pytest.raises(PermanentFault, match=said):
        table.change(change)
    with pytest.raises(PermanentFault, match=said):
        table.change_all([Change(key="B", set={"a": 1}), change])
    assert table.get("A") is None
    assert table.get("B") is None


def test_a_value_that_dynamodb_does_not_have(table: Table) -> None:
    for value in (float("inf"), float("nan"), {1, 2}, object()):
        with pytest.raises(PermanentFault, match="not a value for DynamoDB"):
            table.change(Change(key="A", set={"a": value}))
    assert table.get("A") is None


def test_two_changes_of_one_row_at_once_are_refused(table: Table) -> None:
    with pytest.raises(PermanentFault, match="two changes of one row"):
        table.change_all([Change(key="A", set={"a": 1}), Change(key="A", set={"b": 1})])


def test_words_of_dynamodb_are_names_like_others(table: Table) -> None:
    words = {"set": 1, "and": "x", "size": 2, "a.b": 3, "#n0": 4, ":v0": 5, "with space": 6, "attribute_exists": 7}
    row = table.change(Change(key="ROW", set=words, when=[Absent(name) for name in words]))
    assert row == {"key": "ROW", **words}
    assert table.change(Change(key="ROW", remove=list(words), when=[Equals("a.b", 3)])) == {"key": "ROW"}


def test_an_index_has_the_rows_that_have_both_its_attributes_in_order(table: Table) -> None:
    put(table, "A", owner="me", created_at=30.5)
    put(table, "B", owner="me", created_at=4)
    put(table, "C", owner="you", created_at=1)
    put(table, "D", owner="me")
    put(table, "E", created_at=5)
    put(table, "F", owner="me", created_at=100, alias="wg")
    assert keys(table.rows(Index.OWNER, "me")) == ["B", "A", "F"]
    assert keys(table.rows(Index.OWNER, "me", limit=2)) == ["B", "A"]
    assert keys(table.rows(Index.OWNER, "nobody")) == []
    assert keys(table.rows(Index.ALIAS, "wg")) == ["F"]
    put(table, "B", created_at=31)
    put(table, "D", created_at=-1)
    table.change(Change(key="F", remove=["owner"]))
    assert list(table.rows(Index.OWNER, "me")) == [table.get(key) for key in ("D", "A", "B")]


def test_what_is_open_and_the_queue(table: Table) -> None:
    for n, rank in enumerate(["900#2", "100#9", "900#1"]):
        put(table, f"JOB#{n}", open="JOB", queue="small", rank=rank)
    put(table, "CLUSTER#1", open="CLUSTER")
    assert keys(table.rows(Index.QUEUE, "small")) == ["JOB#1", "JOB#2", "JOB#0"]
    assert keys(table.rows(Index.QUEUE, "small", limit=1)) == ["JOB#1"]
    assert keys(table.rows(Index.OPEN, "JOB")) == ["JOB#0", "JOB#1", "JOB#2"]
    table.change(Change(key="JOB#1", remove=["queue", "open"]))
    assert keys(table.rows(Index.QUEUE, "small")) == ["JOB#2", "JOB#0"]
    assert keys(table.rows(Index.OPEN, "JOB")) == ["JOB#0", "JOB#2"]
    assert keys(table.rows(Index.OPEN, "CLUSTER")) == ["CLUSTER#1"]


def test_keyed_finds_by_the_beginning_of_the_key(table: Table) -> None:
    for key in ("SLOT#a#0", "SLOT#a#1", "SLOT#ab#0", "SLOTS#a#0", "PROFILE#a"):
        put(table, key, n=1)
    assert sorted(keys(table.keyed("SLOT#a#"))) == ["SLOT#a#0", "SLOT#a#1"]
    assert sorted(keys(table.keyed("SLOT#"))) == ["SLOT#a#0", "SLOT#a#1", "SLOT#ab#0"]
    assert sorted(keys(table.keyed("SLOT"))) == ["SLOT#a#0", "SLOT#a#1", "SLOT#ab#0", "SLOTS#a#0"]
    assert keys(table.keyed("PROFILE#b")) == []


def test_more_rows_than_a_page_of_dynamodb(table: Table) -> None:
    """A page ends at 1 MB."""
    text = "x" * 30_000
    for begin in range(0, 90, 30):
        rows = range(begin, begin + 30)
        table.change_all([Change(key=f"R#{n:03d}", set={"open": "R", "text": text}) for n in rows])
    expected = [f"R#{n:03d}" for n in range(90)]
    assert keys(table.rows(Index.OPEN, "R")) == expected
    assert keys(table.rows(Index.OPEN, "R", limit=80)) == expected[:80]
    assert sorted(keys(table.keyed("R#"))) == expected


def test_a_page_may_end_among_rows_of_one_place(table: Table) -> None:
    text = "x" * 60_000
    for n in range(40):
        put(table, f"R#{n}", owner="me", created_at=n // 20, text=text)
    found = list(table.rows(Index.OWNER, "me"))
    assert [row["created_at"] for row in found] == [0] * 20 + [1] * 20
    assert len({row["key"] for row in found}) == 40


def test_rows_are_read_when_they_are_reached(client: Any) -> None:
    """A caller that stops early pays for no further page."""
    with dynamo_table(client) as table:
        for n in range(40):
            put(table, f"R#{n:02d}", open="R", text="x" * 60_000)
        calls: list[str] = []
        client.meta.events.register("before-call.dynamodb.Query", lambda **_: calls.append("query"), unique_id="reads")
        rows = table.rows(Index.OPEN, "R")
        assert calls == []
        next(rows)
        assert calls == ["query"]
        client.meta.events.unregister("before-call.dynamodb.Query", unique_id="reads")


def test_a_table_that_is_not_there_is_a_fault(client: Any) -> None:
    table = DynamoTable(client, "no-such-table")
    with pytest.raises(PermanentFault, match="GetItem"):
        table.get("A")
    with pytest.raises(PermanentFault, match="UpdateItem"):
        table.change(Change(key="A", set={"a": 1}))
    with pytest.raises(PermanentFault, match="TransactWriteItems"):
        table.change_all([Change(key="A", set={"a": 1})])
    with pytest.raises(PermanentFault, match="query"):
        list(table.rows(Index.OPEN, "A"))
    with pytest.raises(PermanentFault, match="scan"):
        list(table.keyed("A"))


def test_one_of_many_threads_wins(table: Table) -> None:
    for turn in range(20):
        put(table, "ROW", free=True, turn=turn)
        begin = threading.Barrier(4)
        won: list[int] = []

        def grab(me: int, begin: threading.Barrier = begin, won: list[int] = won) -> None:
            begin.wait(30)
            if table.change(Change(key="ROW", set={"by": me}, remove=["free"], when=[Present("free")])) is not None:
                won.append(me)

        threads = [threading.Thread(target=grab, args=(me,)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(won) == 1
        assert (table.get("ROW") or {})["by"] == won[0]


# what must hold of every sequence of changes

KEYS = ("JOB#1", "JOB#2", "CLUSTER#1")
WORDS = ("x", "y", "z")
TEXTS = ("owner", "alias", "open", "queue", "rank", "claim")
NUMBERS = ("created_at", "state_at", "n")
texts = st.sampled_from(WORDS)
numbers = st.integers(-20, 20) | st.integers(-20_000, 20_000).map(lambda n: n / 1000)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(min_size=1, max_size=2), inner, max_size=2),
    max_leaves=4,
)
conditions = (
    st.builds(Absent, st.sampled_from(TEXTS + NUMBERS))
    | st.builds(Present, st.sampled_from(TEXTS + NUMBERS))
    | st.builds(Equals, st.sampled_from(TEXTS), texts)
    | st.builds(Equals, st.sampled_from(NUMBERS), numbers)
    | st.builds(OneOf, st.sampled_from(TEXTS), st.lists(texts, max_size=3))
    | st.builds(NoneOf, st.sampled_from(TEXTS), st.lists(texts, max_size=3))
    | st.builds(Below, st.sampled_from(NUMBERS), numbers)
    | st.builds(Above, st.sampled_from(NUMBERS), numbers)
)


@st.composite
def changes(draw: st.DrawFn, key: str | None = None) -> Change:
    parts: dict[str, dict[str, Any]] = {"set": {}, "default": {}, "add": {}, "remove": {}}
    for name in draw(st.lists(st.sampled_from((*TEXTS, *NUMBERS, "doc")), unique=True, max_size=5)):
        part = draw(st.sampled_from(("set", "set", "default", "remove", "add" if name in NUMBERS else "set")))
        values = texts if name in TEXTS else numbers if name in NUMBERS else documents
        parts[part][name] = draw(values if part == "add" else values | st.none())
    return Change(
        key=key or draw(st.sampled_from(KEYS)),
        set=parts["set"],
        default=parts["default"],
        add=parts["add"],
        remove=list(parts["remove"]),
        when=draw(st.lists(conditions, max_size=2)),
        delete=draw(st.sampled_from((False,) * 7 + (True,))),
    )


@st.composite
def together(draw: st.DrawFn) -> list[Change]:
    chosen = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    return [draw(changes(key)) for key in chosen]


def in_order(table: Table, index: Index, of: str) -> list[Item]:
    """Rows of one place by key, after a look that the places are in order."""
    found = list(table.rows(index, of))
    places = [row[index.sort] for row in found]
    assert places == sorted(places)
    return sorted(found, key=lambda row: (row[index.sort], row["key"]))


@settings(max_examples=60)
@given(steps=st.lists(changes() | together(), max_size=8))
def test_both_give_the_same_answers_and_the_same_rows(
    one_table: DynamoTable, steps: list[Change | list[Change]]
) -> None:
    memory, table = MemoryTable(), one_table
    table.change_all([Change(key=key, delete=True) for key in KEYS])
    for step in steps:
        if isinstance(step, Change):
            assert memory.change(step) == table.change(step)
        else:
            assert memory.change_all(step) == table.change_all(step)
    for key in KEYS:
        assert memory.get(key) == table.get(key)
    for index in Index:
        for word in WORDS:
            assert in_order(memory, index, word) == in_order(table, index, word)
    for prefix in ("JOB#", "CLUSTER", "J"):
        assert sorted(keys(memory.keyed(prefix))) == sorted(keys(table.keyed(prefix)))


# the table in memory alone


@settings(max_examples=200)
@given(steps=st.lists(changes() | together(), max_size=20))
def test_the_indexes_in_memory_are_what_a_scan_would_find(steps: list[Change | list[Change]]) -> None:
    memory = MemoryTable()
    for step in steps:
        before = {key: memory.get(key) for key in KEYS}
        done = memory.change(step) is not None if isinstance(step, Change) else memory.change_all(step)
        assert done or before == {key: memory.get(key) for key in KEYS}
    rows = list(memory.keyed(""))
    for index in Index:
        for word in WORDS:
            expected = [r for r in rows if r.get(index.partition) == word and index.sort in r]
            expected.sort(key=lambda row: (row[index.sort], row["key"]))
            assert list(memory.rows(index, word)) == expected


def test_values_of_two_types_are_never_equal_above_or_below() -> None:
    """As DynamoDB compares. The sandbox takes a true for a 1, and cannot answer for a text that is to be below 5."""
    memory = MemoryTable()
    put(memory, "ROW", text="text", yes=True)
    for condition in (Below("text", 5), Above("text", 5), Equals("yes", 1), Below("yes", 5), Equals("text", 5)):
        assert memory.change(Change(key="ROW", set={"b": 1}, when=[condition])) is None


def test_rows_that_were_answered_stay_as_they_were() -> None:
    memory = MemoryTable()
    given_list = [1]
    first = put(memory, "ROW", numbers=given_list)
    given_list.append(2)
    put(memory, "ROW", numbers=[3])
    assert first == {"key": "ROW", "numbers": [1]}


def test_an_index_may_be_behind_and_the_row_never_is() -> None:
    now = 100.0
    memory = MemoryTable(index_lag_s=2.0, clock=lambda: now)
    put(memory, "A", open="X", n=1)
    assert keys(memory.rows(Index.OPEN, "X")) == []
    assert memory.get("A") == {"key": "A", "open": "X", "n": 1}
    now = 102.0
    assert keys(memory.rows(Index.OPEN, "X")) == ["A"]
    memory.change(Change(key="A", set={"n": 2}))
    memory.change(Change(key="A", remove=["open"]))
    now = 103.0
    assert list(memory.rows(Index.OPEN, "X")) == [{"key": "A", "open": "X", "n": 1}]
    now = 104.0
    assert keys(memory.rows(Index.OPEN, "X")) == []
