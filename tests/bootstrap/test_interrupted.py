"""install.sh ended by force at any point: the launch goes on, what ran still runs, and the next run makes it good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bootstrap.node import Kind, Node
from tests.bootstrap.outcome import assert_good, good
from tests.bootstrap.releases import Published

pytestmark = pytest.mark.node

CHANGING = {
    *("tar", "mv", "ln", "cp", "rm", "mkdir", "mktemp", "chown", "chmod", "useradd", "groupadd", "userdel", "groupdel"),
    "systemctl",
}
MAXIMUM = "--set=fleet.max_capacity_units=4"
Local = Callable[[Node, Published], Published]


@pytest.fixture(autouse=True)
def can_end(primary: Node) -> None:
    if primary.kind is Kind.PREFIX:
        pytest.skip("ends everything in a PID namespace, and namespaces are not permitted here")
    # there is nothing to fetch, and a failure that is reported each time would cost the most of these tests
    (primary.root / "tools/bin/aws").unlink()


def points(node: Node, *run: str) -> list[int]:
    """The numbers of the commands of such a run that change something."""
    node.end_at = 0
    node.forget("count", "commands")
    good(node.install(*run))
    node.end_at = None
    numbered = [line.split(" ", 2) for line in node.recorded("commands")]
    return [int(number) for number, name, *_ in numbered if name in CHANGING]


def end_at(node: Node, point: int, *run: str, after_s: float | None = None) -> None:
    """Such a run, ended in the place of its command number `point`, or so long into it."""
    node.forget("count", "commands")
    node.end_at = point
    if after_s is not None:
        node.env["END_AFTER"] = str(after_s)
    good(node.install(*run))
    node.env.pop("END_AFTER", None)
    node.end_at = None


def runs_something(node: Node) -> str:
    said = node.run(["/opt/tidemark/current/bin/tidemark", "version"])
    assert said.returncode == 0, said.stderr
    return said.stdout


@pytest.mark.timeout(900)
def test_a_first_installation_ended_at_each_change(
    primary: Node, make_node: Callable[[dict[str, str]], Node], published: Published, local: Local
) -> None:
    """Each time a little further, on what the run before has left."""
    trial = make_node({"mnt/var/lib/info/instance.json": '{"isMaster": true}'})
    ends = points(trial, local(trial, published).script, MAXIMUM)
    assert len(ends) > 20
    script = local(primary, published).script
    for point in ends[::3]:
        end_at(primary, point, script, MAXIMUM)
        if "current" in primary.links():
            runs_something(primary)
    assert_good(primary, published, good(primary.install(script, MAXIMUM)))


@pytest.mark.timeout(900)
def test_an_upgrade_ended_at_each_change_leaves_a_release_that_runs(
    primary: Node, published: Published, newer: Published, local: Local
) -> None:
    old, new = local(primary, published).script, local(primary, newer).script
    good(primary.install(old, MAXIMUM))
    ends = points(primary, new, MAXIMUM)
    good(primary.install(new, "--rollback"))
    for point in ends[1::3]:
        end_at(primary, point, new, MAXIMUM)
        runs_something(primary)
    assert_good(primary, newer, good(primary.install(new, MAXIMUM)))
    assert primary.links()["previous"] == f"releases/{published.release}"


@pytest.mark.parametrize("after_s", [0.02, 0.1, 0.3])
def test_unpacking_ended_half_way(primary: Node, published: Published, local: Local, after_s: float) -> None:
    script = local(primary, published).script
    primary.end_at = 0
    good(primary.install(script, MAXIMUM))
    unpacking = [int(line.split()[0]) for line in primary.recorded("commands") if line.split()[1] == "tar"]
    good(primary.install(script, "--remove"))
    end_at(primary, unpacking[0], script, MAXIMUM, after_s=after_s)
    assert primary.links() == {}
    assert_good(primary, published, good(primary.install(script, MAXIMUM)))


@pytest.mark.timeout(900)
def test_a_removal_ended_at_each_change_can_be_done_again(primary: Node, published: Published, local: Local) -> None:
    script = local(primary, published).script
    good(primary.install(script, MAXIMUM))
    ends = points(primary, script, "--remove")
    for point in ends[::6]:
        good(primary.install(script, MAXIMUM))
        end_at(primary, point, script, "--remove")
        good(primary.install(script, "--remove"))
        assert not (primary.root / "opt/tidemark").exists()
        assert not (primary.root / "etc/systemd/system/tidemark.service").exists()


def test_two_at_once_end_as_one(primary: Node, published: Published, local: Local) -> None:
    """As a bootstrap action that is listed twice, or a step that comes at the same time."""
    script = local(primary, published).script
    path = primary.root / "tmp/install.sh"
    path.write_text(script, encoding="utf-8")
    one = f"bash /tmp/install.sh {MAXIMUM} &"
    both = f"{one} first=$!; {one} second=$!; wait $first && wait $second"
    said = good(primary.run(["bash", "-c", both]))
    assert said.count("switched to") == 1
    assert_good(primary, published, said)
