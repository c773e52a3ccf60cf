"""How long things take in the sandbox, and which of the known ways of EMR it goes. The defaults are those of a demo."""

from __future__ import annotations

from dataclasses import dataclass

from agent.sandbox.emr.states import LostPrimary, SecondResize, ZoneChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    provision_s: float = 2.0
    """From the wish for an instance until EC2 gives it. Really: one to several minutes."""
    bootstrap_s: float = 2.0
    """From then until it is ready, where no node host says otherwise."""
    decommission_s: float = 2.0
    """How long a drain takes, where no node host says otherwise."""
    choice_s: float = 0.0
    """So long a scale-in waits for an instance that holds no work before it takes one that does. Really: EMR takes a
    while to begin, in which YARN frees what Spark has given up."""
    terminate_s: float = 1.0
    """The least time that a cluster is TERMINATING. Really: one to five minutes."""
    minute_s: float = 60.0
    """How long a minute of EMR is here: of a resize time-out for example, whose least value is 5 minutes."""
    default_resize_minutes: float = 60.0
    """Resize time-out of a fleet or group that sets none."""
    drain_report_minutes: float = 60.0
    """A scale-in that still drains after so long is reported as done (emr: fleets, scale-in after an hour)."""
    no_core_minutes: float = 45.0
    """How long an unprotected cluster lives without a core instance (emr: termination protection, NO_SLAVES_LEFT)."""
    second_resize: SecondResize = SecondResize.MERGED
    zone_choice: ZoneChoice = ZoneChoice.SUPPLIED
    lost_primary: LostPrimary = LostPrimary.ENDS
