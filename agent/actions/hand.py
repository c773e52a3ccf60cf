"""What a person at the primary asks for: a small file, and the answer in another one beside it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from agent.actions.files import read_bounded, write_whole
from agent.domain.requests import Answer, Request, Source

MAX_BYTES = 65_536
MAX_WORDS = 300
LONGEST_S = 3600.0
"""No request by hand is worth anything for longer, whatever its file says."""

_REQUEST = TypeAdapter(Request)
_ANSWER = TypeAdapter(Answer)


class HandFile:
    """One request at a time. The verb writes the request and reads the answer, the agent the other way round."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answer = path.with_name(f"{path.name}.answer")

    def ask(self, request: Request) -> Request | None:
        """Leave the request; another one that has not expired stays, and is returned. Raises OSError."""
        waiting = self.waiting()
        if isinstance(waiting, Request) and waiting.asked_at <= request.asked_at < waiting.expires_at:
            return waiting
        write_whole(self._path, json.dumps(asdict(request)) + "\n")
        return None

    def waiting(self) -> Request | str | None:
        """The request that lies there, or why it cannot be read. Never raises."""
        try:
            found: dict[str, Any] = json.loads(read_bounded(self._path, MAX_BYTES))
            request = _REQUEST.validate_python(found)
            _check(request)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
            return f"{self._path} cannot be read: {error}"
        return request

    def take_back(self, id: str) -> bool:
        """Remove the request if it is still that one; whether it was. Raises OSError."""
        waiting = self.waiting()
        if not isinstance(waiting, Request) or waiting.id != id:
            return False
        self.remove()
        return True

    def remove(self) -> None:
        """Raises OSError."""
        self._path.unlink(missing_ok=True)

    def tell(self, answer: Answer) -> None:
        """Leave the answer; one that is settled ends the request. Raises OSError."""
        write_whole(self._answer, json.dumps(_ANSWER.dump_python(answer, mode="json")) + "\n")
        if answer.fate.settled:
            # where it was taken back just now, another request may lie there
            self.take_back(answer.id)

    def told(self, id: str) -> Answer | None:
        """The last answer to that request. Never raises."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = _ANSWER.validate_json(read_bounded(self._answer, MAX_BYTES))
            return found if found.id == id else None
        return None


def by_hand(
    *,
    name: str,
    why: str,
    at: float,
    lasts_s: float,
    cooldown_s: float,
    units: int | None = None,
    to_units: int | None = None,
    force: bool = False,
) -> Request:
    """A request of a person, new at that time."""
    return Request(
        id=f"hand-{uuid.uuid4()}",
        source=Source.HAND,
        name=name,
        why=why,
        asked_at=at,
        expires_at=at + min(lasts_s, LONGEST_S),
        cooldown_s=cooldown_s,
        units=units,
        to_units=to_units,
        force=force,
    )


def who() -> str:
    """Who asks, for the reasons: of a terminal who logged in there, also behind sudo."""
    import getpass

    for ask in (os.getlogin, getpass.getuser):
        with contextlib.suppress(KeyError, OSError):
            return ask()
    return f"uid {os.getuid()}"


def _check(request: Request) -> None:
    """What a type does not say. Raises ValueError."""
    sizes = [size for size in (request.units, request.percent, request.to_units) if size is not None]
    times = (request.asked_at, request.expires_at, request.cooldown_s)
    if request.source is not Source.HAND or len(sizes) != 1 or not all(map(math.isfinite, (*sizes, *times))):
        raise ValueError("it is no request by hand of one size")
    # a second for what adding and taking away again loses
    if not 0 < request.expires_at - request.asked_at <= LONGEST_S + 1 or not 0 <= request.cooldown_s <= 86_400:
        raise ValueError("it asks for too long")
    if (request.to_units or 0) < 0 or max(map(abs, sizes)) > 1_000_000:
        raise ValueError("its size is out of bounds")
    if not 0 < len(request.id) <= MAX_WORDS or max(len(request.name), len(request.why)) > MAX_WORDS:
        raise ValueError("it has too much to say")
