"""EMR on this machine: fleets, groups, clusters and steps that take time, with quotas, beside moto's services."""

from agent.sandbox.emr.api import Call
from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.server import SandboxServer
from agent.sandbox.emr.states import LostPrimary, Market, Role, SecondResize, ZoneChoice
from agent.sandbox.emr.throttle import NO_QUOTAS, QUOTAS, Quota
from agent.sandbox.emr.timed_nodes import TimedNodes

__all__ = [
    "NO_QUOTAS",
    "QUOTAS",
    "Call",
    "Delays",
    "LostPrimary",
    "Market",
    "Quota",
    "Role",
    "SandboxServer",
    "SecondResize",
    "TimedNodes",
    "ZoneChoice",
]
