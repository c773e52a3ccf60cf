"""The world's faults. Bad data is not one (it is a value, counted by reason), nor is a shortage of spot."""

from __future__ import annotations


class Fault(Exception):
    """Something outside the agent did not do as asked. The cause is attached."""


class TransientFault(Fault):
    """May pass by itself: throttled, timed out, unreachable, an internal error of the service."""


class NotTakenFault(TransientFault):
    """The same of a change that the service surely did not make: it was not sent, or turned away unread."""


class PermanentFault(Fault):
    """Will not pass by itself: refused, not allowed, not found, invalid. Asking again is useless."""
