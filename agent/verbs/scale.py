"""`scale`: a resize by hand, by way of the agent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.verbs.common import AS_JSON, ON_THE_NODE, SETTINGS_FILE, Duration, load

if TYPE_CHECKING:
    from agent.actions.hand import HandFile
    from agent.domain.requests import Answer, Request

MOST_UNITS = 1_000_000
LOOK_S = 0.2
GRACE_S = 30.0
"""So long after the request has expired the agent may take to say so: a turn may wait for EMR."""


TURNS = 3
"""An agent that runs answers within so many turns, if only that it waits."""
_DOUBT = "does it run? `systemctl status tidemark`"


class Change(click.ParamType[int]):
    """`+5` or `-3`; a number without a sign could mean either."""

    name = "change"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip().replace("−", "-")
        if text[:1] not in {"+", "-"} or not text[1:].isascii() or not text[1:].isdigit() or len(text) > 8:
            hint = f"; for a target of {text} units write --to {text}" if text.isascii() and text.isdigit() else ""
            text = f"{value!r} is no change: write +5 to add five capacity units or -3 to remove three{hint}"
            self.fail(text, param, ctx)
        if int(text) == 0:
            self.fail("a change by nothing is none", param, ctx)
        return int(text)


@click.command(
    # -3 is a change and no option
    context_settings={"ignore_unknown_options": True}
)
@click.argument("change", type=Change(), required=False)
@click.option("--to", "to_units", type=click.IntRange(0, MOST_UNITS), help="The target itself, in capacity units.")
@click.option("--force", is_flag=True, help="Wait for no cooldown. Every other guard holds all the same.")
@click.option("--why", default="", help="What for, for whoever reads the reasons.")
@click.option(
    "--expires", type=Duration(), default="3m", show_default=True, help="What a guard withholds so long is dropped."
)
@click.option("--no-wait", is_flag=True, help="Leave the request and end; the journal and the log have the outcome.")
@AS_JSON
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
def scale(change: int | None, to_units: int | None, path: Path, **options: Any) -> None:
    """Ask the agent on this node for CHANGE capacity units more or fewer (+5, -3), or for a target (--to N).

    It passes the same guards as any policy: the limits, the cap in money, running work. Prints what became of it, with
    the reasons. Ends with 0 only if it was applied, or the target was there already.
    """
    if (change is None) == (to_units is None):
        raise click.UsageError("give either a change, +5 or -3, or --to N")
    import time

    from agent.actions.hand import LONGEST_S, HandFile, by_hand, who

    expires_s = options["expires"]
    if not 1 <= expires_s <= LONGEST_S:
        raise click.UsageError("a request lasts a second at least and an hour at most")
    loaded = load(path)
    settings, turn_s = loaded.actions, loaded.policy.turn_period_s
    request = by_hand(
        name=who(),
        why=options["why"][:200],
        at=time.time(),
        lasts_s=expires_s,
        cooldown_s=settings.by_hand_cooldown_s,
        units=change,
        to_units=to_units,
        force=options["force"],
    )
    file = HandFile(settings.request_path)
    _ask(file, request, settings.request_path)
    if options["no_wait"]:
        click.echo(f"asked for as {request.id}; the agent takes it up in its next turn")
        return
    answer = _wait(file, request, turn_s, quiet=options["as_json"])
    _end(answer, request, as_json=options["as_json"])


def _ask(file: HandFile, request: Request, path: Path) -> None:
    try:
        other = file.ask(request)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}; are you root?") from error
    if other is not None:
        left = other.expires_at - request.asked_at
        raise click.ClickException(f"{other.name} has asked for a resize already, which waits for {left:.0f} s at most")


def _wait(file: HandFile, request: Request, turn_s: float, quiet: bool) -> Answer | None:
    """The last answer; None when there was none. What is interrupted is taken back."""
    import time

    began = time.monotonic()
    until = began + request.expires_at - request.asked_at + GRACE_S
    doubts_at = began + TURNS * turn_s
    last: Answer | None = None
    try:
        while time.monotonic() < until:
            answer = file.told(request.id)
            if answer is not None and answer.fate.settled:
                return answer
            if answer is not None and (last is None or _codes(answer) != _codes(last)):
                last = answer
                if not quiet:
                    click.echo(f"waiting: {_words(answer)}")
            if last is None and time.monotonic() >= doubts_at:
                click.echo(f"no answer of the agent yet: {_DOUBT}; Ctrl-C takes the request back", err=True)
                doubts_at = until
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        _take_back(file, request)
        raise
    _take_back(file, request)
    return last


def _take_back(file: HandFile, request: Request) -> None:
    try:
        if file.take_back(request.id):
            click.echo("the request is taken back, unless it has been sent to EMR just now", err=True)
    except OSError as error:
        click.echo(f"the request cannot be taken back: {error.strerror}; it expires by itself", err=True)


def _end(answer: Answer | None, request: Request, as_json: bool) -> NoReturn:
    import json

    from agent.domain.requests import Fate

    fate = None if answer is None else answer.fate
    good = fate in {Fate.APPLIED, Fate.MET}
    if as_json:
        told = {
            "id": request.id,
            "fate": None if fate is None else str(fate),
            "target": None if answer is None else answer.target,
            "because": [] if answer is None else [[each.code, each.text] for each in answer.because],
            "detail": "" if answer is None else answer.detail,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif answer is None:
        click.secho(f"the agent has not answered: {_DOUBT}", fg="red", err=True)
    else:
        target = "" if answer.target is None else f" to {answer.target} units"
        click.secho(f"{_SAID[answer.fate]}{target}: {_words(answer)}", fg="green" if good else "red", err=not good)
    sys.exit(0 if good else 1)


_SAID = {
    "applied": "applied",
    "met": "nothing to do",
    "refused": "EMR refused it",
    "failed": "not known whether EMR took it",
    "dry run": "dry run, nothing was changed; it would go",
    "expired": "dropped, for it was withheld too long",
    "superseded": "taken back",
    "waiting": "still waiting",
}


def _codes(answer: Answer) -> tuple[str, ...]:
    """Texts tell seconds that go on: the same reasons are told once."""
    return (*(reason.code for reason in answer.because), answer.detail)


def _words(answer: Answer) -> str:
    told = "; ".join(reason.text for reason in answer.because)
    return f"{told}; {answer.detail}" if answer.detail else told
