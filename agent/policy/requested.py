"""What people and alarms ask for, as proposals: they pass the same guards as any policy's.

A request is judged in every turn until it has been settled or its time is over. One that has expired says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result
from agent.domain.observation import History, Observation, Requested
from agent.domain.requests import OF_OUTCOME, Answer, Fate, Request, Source
from agent.policy.reasons import Why, own
from agent.policy.threshold import moved
from agent.settings import Settings


def decide(observation: Observation, _: Settings) -> tuple[Decision, ...]:
    """One proposal for each request that is still worth something."""
    return tuple(said for _, said in each(observation))


def each(observation: Observation) -> Iterator[tuple[Request, Decision]]:
    """Every request that has not expired, with what it proposes now."""
    for request in observation.requests:
        if observation.at < request.expires_at:
            yield request, _propose(request, observation)


def answers(
    observation: Observation, judged: tuple[tuple[str, Decision], ...], decision: Decision, result: Result
) -> tuple[Answer, ...]:
    """What this turn made of each request: `judged` has what the guards make of each by itself, `decision` and `result`
    are the turn's."""
    return tuple(_answer(observation.at, id, said, decision, result) for id, said in judged)


def last(observation: Observation, decision: Resize) -> Requested | None:
    """For the history: what is remembered once this resize was made. A longer memory of the same direction stays."""
    before, request = observation.history.requested, find(observation, decision)
    if request is None:
        return before
    until = observation.at + request.cooldown_s
    if before is not None and before.scales_out is decision.scales_out:
        until = max(until, before.until)
    return Requested(at=observation.at, until=until, scales_out=decision.scales_out, by=_who(request))


def find(observation: Observation, decision: Resize) -> Request | None:
    """The request that the resize answers."""
    if decision.request is None:
        return None
    return next((each for each in observation.requests if each.id == decision.request), None)


def not_ahead(history: History, at: float) -> Requested | None:
    """After the clock was set back, what seems to lie ahead is taken as made now."""
    found = history.requested
    if found is None or found.at <= at:
        return found
    return Requested(at=at, until=at + found.until - found.at, scales_out=found.scales_out, by=found.by)


def _propose(request: Request, observation: Observation) -> Decision:
    fleet, asks = observation.fleet, Reason(Why.REQUESTED, _asks(request))
    if fleet is None:
        return Hold((asks, Reason(Why.FLEET_UNKNOWN, "EMR has not told the present target")))
    target = request.to_units if request.to_units is not None else moved(fleet.target, request.units, request.percent)
    if target != fleet.target:
        return Resize(fleet.target, target, (asks,), rule=request.rule, request=request.id)
    if fleet.at < request.asked_at:
        text = "the task fleet was last read before the request"
        return Hold((asks, Reason(Why.FLEET_UNKNOWN, text)))
    return Hold((asks, Reason(Why.REQUEST_MET, f"the target is {target} units already")))


def _answer(at: float, id: str, said: Decision, decision: Decision, result: Result) -> Answer:
    if isinstance(decision, Resize) and decision.request == id:
        fate = OF_OUTCOME[result.outcome]
        target = decision.target if fate.settled else None
        return Answer(id=id, at=at, fate=fate, because=own(decision.because), target=target, detail=result.detail)
    if isinstance(said, Hold):
        met = any(reason.code == Why.REQUEST_MET for reason in said.because)
        return Answer(id=id, at=at, fate=Fate.MET if met else Fate.WAITING, because=own(said.because))
    detail = result.detail if result.outcome is Outcome.NONE else ""
    return Answer(id=id, at=at, fate=Fate.WAITING, because=(*own(said.because), _first(decision)), detail=detail)


def _first(decision: Decision) -> Reason:
    """Why something else came first."""
    told = "; ".join(reason.text for reason in own(decision.because))
    return Reason(Why.OVERRULED, f"something else comes first: {told}")


def _asks(request: Request) -> str:
    if request.to_units is not None:
        what = f"{request.to_units} units"
    elif request.units is not None:
        what = f"{request.units:+d} units"
    else:
        what = f"{request.percent or 0:+g} %"
    return f"{_who(request)} asks for {what}" + (f": {request.why}" if request.why else "")


def _who(request: Request) -> str:
    return f"the alarm {request.name}" if request.source is Source.ALARM else request.name or "somebody"
