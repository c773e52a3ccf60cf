"""EC2's notices about this node, while it is on the spot market: those of other nodes show only in what is lost."""

from __future__ import annotations

from collections.abc import Callable

from agent.aws.imds import Imds
from agent.domain.observation import Interruption
from agent.domain.ports import Clock


class Interruptions:
    """`look` asks EC2's metadata; calling it gives the last word. `tell` hears of each notice once, in `look`'s thread.

    A notice is kept: EC2 takes none back. One to interrupt takes the place of a recommendation.
    """

    def __init__(self, imds: Callable[[], Imds], tell: Callable[[Interruption], None], clock: Clock) -> None:
        """`imds` gives a fresh reader: its token does not outlive a minute, and one that got none asks no more."""
        self._imds = imds
        self._tell = tell
        self._clock = clock
        self._on_spot: bool | None = None
        self._last: Interruption | None = None

    def __call__(self) -> Interruption | None:
        return self._last

    def look(self) -> None:
        """Never raises. On an instance that is not on the spot market nothing is asked again."""
        if self._on_spot is False or (self._last is not None and self._last.certain):
            return
        imds = self._imds()
        if self._on_spot is None:
            self._on_spot = imds.on_spot()
        if not self._on_spot:
            return
        found = imds.spot_notice() or (imds.rebalance_notice() if self._last is None else None)
        if found is not None:
            action, at = found
            self._last = Interruption(seen_at=self._clock(), action=action, at=at)
            self._tell(self._last)
