"""The state of a running agent, from its page: for `tidemark status` on the primary, or through a tunnel."""

from __future__ import annotations

import requests
from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError

import agent
from agent.settings_status import StatusSettings
from agent.status.state import VERSION, State

TIMEOUT_S = 10.0
MAX_BYTES = 8_000_000
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_STATE = TypeAdapter(State)


class StatusError(Exception):
    """There is nothing to show; the text says why, and what to do next."""


def address(settings: StatusSettings) -> str:
    """Where the page of an agent with these settings is, seen from its own node."""
    host = ANYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def fetch(url: str) -> bytes:
    """`/state.json` of the page at that address, as it came. Raises StatusError."""
    where = f"{url.rstrip('/')}/state.json"
    session = requests.Session()
    # a proxy is for the world, and this is a node's own page
    session.trust_env = False
    headers = {"User-Agent": f"tidemark/{agent.__version__}"}
    try:
        with session.get(where, timeout=TIMEOUT_S, stream=True, allow_redirects=False, headers=headers) as answer:
            body = answer.raw.read(MAX_BYTES + 1, decode_content=True)
            status = answer.status_code
    except requests.ConnectionError as error:
        raise StatusError(f"nothing answers at {where}: {NOBODY}") from error
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise StatusError(f"{where} cannot be read: {error}") from error
    return _checked(where, status, body)


NOBODY = (
    "is the agent running (systemctl status tidemark), is this the primary, is the port that of [status] in its "
    "settings? From elsewhere: a tunnel (ssh -L 42004:localhost:42004 hadoop@PRIMARY), or --cluster j-…"
)


def _checked(where: str, status: int, body: bytes) -> bytes:
    match status:
        case 200 if len(body) <= MAX_BYTES:
            return body
        case 503:
            raise StatusError(f"the agent at {where} has begun and has not had its first turn, or is busy: ask again")
        case 421:
            raise StatusError(f"{where} is not served under that name: {body[:300].decode('utf-8', 'replace').strip()}")
    raise StatusError(f"what answers at {where} is no status page of Tidemark (HTTP {status}): look at the port")


def parse(body: bytes, where: str) -> State:
    """The state in those bytes. Raises StatusError."""
    try:
        state = _STATE.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise StatusError(
            f"what {where} tells is not what this version {agent.__version__} understands ({what}); --json shows it"
        ) from error
    if state.version != VERSION:
        raise StatusError(f"{where} tells a state of version {state.version}, and this command knows {VERSION}")
    return state
