"""EMR's side: the task fleet. Orders, the spot market, draining, interruptions, and the bill from launch on."""

from __future__ import annotations

from bisect import bisect_right
from random import Random
from typing import Protocol

from agent.domain.fleets import RESIZING, RUNNING, Collection, Fleet, FleetNode
from agent.simulate.events import Events
from agent.simulate.parts import Node, Phase
from agent.simulate.world import World


class Workplace(Protocol):
    """What uses the nodes."""

    def joined(self, node: Node) -> None: ...
    def drains(self, node: Node) -> None: ...
    def lost(self, node: Node) -> None: ...


class Capacity:
    """A task fleet of nodes of one unit each, all spot, beside core nodes that never change."""

    def __init__(self, events: Events, world: World, resize_timeout_s: float) -> None:
        self._events = events
        self._world = world
        self._timeout_s = resize_timeout_s
        self._random = Random(world.seed * 104_729 + 5)
        self._give_up_at = 0.0
        self._caps = tuple(at for at, _ in world.spot_cap)
        self._work: Workplace | None = None
        self.target = 0
        self.nodes: dict[Node, None] = {}
        """Task nodes that are not gone, those that were only ordered included."""
        self.all: list[Node] = []
        """Every task node that was ever billed."""
        self.core: list[Node] = []
        self.interrupted = 0

    def open(self, work: Workplace) -> None:
        """Start with the core nodes and without any task node."""
        self._work = work
        for number in range(self._world.core_nodes):
            node = Node(number, self._world.node_memory_mb, task=False)
            node.phase = Phase.READY
            self.core.append(node)
            work.joined(node)
        for at, _ in self._world.spot_cap:
            self._events.after(at, self._cap_changed)

    # what EMR does when asked

    def resize(self, target: int) -> None:
        """Take a new target; what is too much goes gracefully, what is missing is ordered."""
        self.target = target
        self._give_up_at = self._events.now + self._timeout_s
        self._reconcile()

    def preset(self, nodes: int) -> None:
        """So many nodes are there at once, ready: for a cluster of one size."""
        self.target = nodes
        for _ in range(nodes):
            node = self._order()
            self._launched(node)
            self._ready(node)

    def fleet(self, at: float) -> Fleet:
        """As ListInstanceFleets and ListInstances tell it."""
        there = [node for node in self.nodes if node.phase in {Phase.READY, Phase.DRAINING}]
        busy = at < self._give_up_at and len(there) < self.target
        draining = any(node.phase is Phase.DRAINING for node in there)
        return Fleet(
            at=at,
            id="if-simulated",
            collection=Collection.FLEET,
            state=RESIZING if busy or draining else RUNNING,
            target_on_demand=0,
            target_spot=self.target,
            provisioned_on_demand=0,
            provisioned_spot=len(there),
            nodes=tuple(self._as_member(node) for node in there),
        )

    @property
    def ready(self) -> int:
        return sum(node.phase is Phase.READY for node in self.nodes)

    def billed_s(self, until: float) -> float:
        """Node-seconds of task capacity from launch to the end of each node, or to `until`."""
        return sum(
            max(0.0, (until if node.gone_at is None else min(until, node.gone_at)) - node.launched_at)
            for node in self.all
            if node.launched_at is not None
        )

    def emptied(self, node: Node) -> None:
        """A draining node has no container left."""
        self._events.after(self._world.leave_s, self._gone, node)

    # the inside

    @staticmethod
    def _as_member(node: Node) -> FleetNode:
        view = node.views.get("member")
        if not isinstance(view, FleetNode):
            view = node.views["member"] = FleetNode(hosts=(node.host,), units=1)
        return view

    def _reconcile(self) -> None:
        staying = [node for node in self.nodes if node.phase is not Phase.DRAINING]
        missing = self.target - len(staying)
        if missing > 0 and self._events.now < self._give_up_at:
            for _ in range(missing):
                node = self._order()
                self._events.after(self._world.launch_s, self._launch, node)
        for node in sorted(staying, key=_worth)[: max(0, -missing)]:
            self._send_away(node)

    def _order(self) -> Node:
        node = Node(len(self.all) + len(self.core), self._world.node_memory_mb, task=True)
        self.nodes[node] = None
        self.all.append(node)
        return node

    def _launch(self, node: Node) -> None:
        if node.phase is not Phase.ORDERED:
            return
        if self._billed_now() >= self._cap():
            if self._events.now >= self._give_up_at:
                self._gone(node)
            else:
                self._events.after(15.0, self._launch, node)
            return
        self._launched(node)
        world = self._world
        total = self._random.gauss(world.provisioning_s, world.provisioning_spread_s)
        self._events.after(max(30.0, total - world.launch_s), self._ready, node)

    def _launched(self, node: Node) -> None:
        node.phase = Phase.LAUNCHED
        node.launched_at = self._events.now

    def _ready(self, node: Node) -> None:
        if node.phase is Phase.LAUNCHED:
            node.phase = Phase.READY
            assert self._work is not None
            self._work.joined(node)

    def _send_away(self, node: Node) -> None:
        if node.phase in {Phase.ORDERED, Phase.LAUNCHED}:
            self._gone(node)
            return
        node.phase = Phase.DRAINING
        assert self._work is not None
        self._events.after(self._world.drain_timeout_s, self._gone, node)
        self._work.drains(node)

    def _gone(self, node: Node) -> None:
        if node.phase is Phase.GONE:
            return
        had_work = node.phase in {Phase.READY, Phase.DRAINING}
        node.phase = Phase.GONE
        node.gone_at = self._events.now
        del self.nodes[node]
        if had_work:
            assert self._work is not None
            self._work.lost(node)

    def _billed_now(self) -> int:
        return sum(node.phase is not Phase.ORDERED for node in self.nodes)

    def _cap(self) -> float:
        if not self._caps:
            return float("inf")
        position = bisect_right(self._caps, self._events.now)
        return self._world.spot_cap[position - 1][1] if position else float("inf")

    def _cap_changed(self, _: None) -> None:
        """The market takes back what it gives no longer; EMR then orders anew, within a resize's time."""
        billed = [node for node in self.nodes if node.phase is not Phase.ORDERED]
        over = len(billed) - self._cap()
        if over > 0:
            for node in self._random.sample(billed, int(over)):
                self.interrupted += 1
                self._events.after(self._world.notice_s, self._interrupted, node)

    def _interrupted(self, node: Node) -> None:
        if node.phase is Phase.GONE:
            return
        self._gone(node)
        self._give_up_at = max(self._give_up_at, self._events.now + self._timeout_s)
        self._reconcile()


def _worth(node: Node) -> tuple[int, int, int]:
    """What goes first: what is not there yet, then what has the fewest containers, then the youngest."""
    rank = {Phase.ORDERED: 0, Phase.LAUNCHED: 1}.get(node.phase, 2)
    return (rank, len(node.executors), -node.number)
