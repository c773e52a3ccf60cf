"""One GET with a deadline for the whole of it and a bound on its size; every fault is a value."""

from __future__ import annotations

import io
import json
import socket
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

import agent

MAX_BODY_BYTES = 32 * 1024 * 1024

_HEADERS = {
    "Accept": "application/json, */*;q=0.1",
    "Accept-Encoding": "identity",
    # Hadoop's daemons write it into their request logs: who looks after the cluster can see who asks
    "User-Agent": f"tidemark/{agent.__version__}",
}


class Failure(StrEnum):
    """Why there is no answer: the reasons under which it is counted."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TLS = "tls"
    """The certificate is not trusted, or the port does not speak TLS."""
    DROPPED = "dropped"
    """The connection ended before the answer did."""
    KERBEROS = "kerberos"
    """401 with `Negotiate`: the endpoint wants SPNEGO, which the agent does not speak."""
    DENIED = "denied"
    """401 or 403."""
    REDIRECTED = "redirected"
    """Sent on to another address, and that was not to be followed: a standby ResourceManager does so."""
    STANDBY = "standby"
    """A standby ResourceManager that says so in words, with no address or one in a `Refresh` header."""
    STATUS = "status"
    """Any other status than 200."""
    TOO_LARGE = "too_large"
    HTML = "html"
    NOT_JSON = "not_json"
    MALFORMED = "malformed"
    """JSON, but not what the decoder knows."""


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    detail: str


_STANDBY_WORDS = (b"This is standby RM", b"There is no active RM", b"Can not find any active RM")
"""Hadoop's RMWebAppFilter. Hadoop 3.4 says them with the status 307 and, where no other is active, no `Location`."""

_ADVICE = {
    Failure.TLS: "if its authority is the cluster's own, set ca_file; if the port speaks plain http, say so in the url",
    Failure.KERBEROS: "it asks for Kerberos (SPNEGO), which Tidemark does not speak: name an address that answers "
    "without, or exempt this one (hadoop.http.authentication.type)",
    Failure.DENIED: "it asks for a login",
}
"""What to do about it, for the log."""


class HttpReader:
    """Reads whole bodies over kept-alive connections. For one thread.

    Neither proxies nor credentials are taken from the environment: what is read is on the cluster. With https the
    certificate is held against the authorities in `ca_file`, or the bundle that requests brings.
    """

    def __init__(
        self,
        timeout_s: float,
        max_body_bytes: int = MAX_BODY_BYTES,
        ca_file: Path | None = None,
        verify_tls: bool = True,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._verify: bool | str = str(ca_file) if verify_tls and ca_file is not None else verify_tls
        # An adapter, not a session: a session reads the whole body of a redirect, whatever its size
        self._adapter = _DeadlineAdapter()

    def json(self, url: str, *, follow: bool = False) -> object | Failed:
        """The JSON value at `url`. Takes no longer than the time-out (a slow resolver of names excepted).

        With `follow` one redirect is followed, if it leads to the same question elsewhere and away from no encryption.
        """
        body = self.body(url, follow=follow)
        if isinstance(body, Failed):
            return body
        try:
            value: object = json.loads(body)
        except (ValueError, RecursionError) as error:
            return Failed(_no_json(body.lstrip()), str(error))
        return value

    def body(self, url: str, *, follow: bool = False) -> bytes | Failed:
        """What a 200 carries, as sent."""
        until = time.monotonic() + self._timeout_s
        answer = self._once(url, until, follow)
        if isinstance(answer, Failed) and answer.failure is Failure.DROPPED:
            # A server may close a kept-alive connection just as it is used again; a fresh one tells.
            answer = self._once(url, until, follow)
        if isinstance(answer, Failed) and answer.failure in _ADVICE:
            return Failed(answer.failure, f"{_ADVICE[answer.failure]} ({answer.detail})")
        return answer

    def close(self) -> None:
        self._adapter.close()

    def _once(self, url: str, until: float, follow: bool) -> bytes | Failed:
        try:
            for _ in range(1 + follow):
                left = max(0.001, until - time.monotonic())
                # requests hands urllib3's own time-out on, though its type does not say so
                timeout: Any = urllib3.Timeout(total=left)
                request = requests.Request("GET", url, headers=_HEADERS).prepare()
                with self._adapter.send(request, stream=True, timeout=timeout, verify=self._verify) as response:
                    if not response.is_redirect:
                        return self._read(response)
                    asked, url = url, urljoin(url, response.headers["location"])
                if not _same_question(asked, url):
                    break
            return Failed(Failure.REDIRECTED, f"to {url}")
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:
            # OSError is requests' own faults, and a ca_file that is not there
            return Failed(_kind(error), str(error))

    def _read(self, response: requests.Response) -> bytes | Failed:
        if response.status_code == 307 and _no_json(response.raw.read(256, decode_content=False)) is Failure.STANDBY:
            return Failed(Failure.STANDBY, "no other is active")
        if response.status_code != 200:
            return _refused(response)
        body = bytearray()
        while chunk := response.raw.read(65_536, decode_content=False):
            body += chunk
            if len(body) > self._max_body_bytes:
                # without this the rest would be read before the connection is used again
                response.raw.close()
                return Failed(Failure.TOO_LARGE, f"more than {self._max_body_bytes} bytes")
        return bytes(body)


def _same_question(asked: str, told: str) -> bool:
    one, other = urlsplit(asked), urlsplit(told)
    secure = other.scheme == "https" or (other.scheme == "http" and one.scheme == "http")
    # the ResourceManager writes the query anew, every comma as %2C (WebAppUtils.getURLEncodedQueryString)
    (path, wanted), (given_path, given) = ((each.path, each.query) for each in (one, other))
    same = (path, parse_qsl(wanted, True)) == (given_path, parse_qsl(given, True))
    return secure and other.username is None and same


def _no_json(body: bytes) -> Failure:
    if body.startswith(_STANDBY_WORDS):
        return Failure.STANDBY
    return Failure.HTML if body[:1] == b"<" else Failure.NOT_JSON


def _refused(response: requests.Response) -> Failed:
    detail = f"status {response.status_code}"
    if response.status_code == 401 and "negotiate" in response.headers.get("WWW-Authenticate", "").lower():
        return Failed(Failure.KERBEROS, detail)
    return Failed(Failure.DENIED if response.status_code in {401, 403} else Failure.STATUS, detail)


_TIME_OUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_TLS_FAULTS = (ssl.SSLError, urllib3.exceptions.SSLError)
_NO_TIME_OUTS = urllib3.exceptions.NewConnectionError
"""urllib3 derives a refused connection from a time-out to connect."""


def _kind(error: BaseException) -> Failure:
    """The failure that lies at the bottom of what requests and urllib3 made of it."""
    causes: list[BaseException] = []
    pending: list[object] = [error]
    while pending and len(causes) < 20:
        cause = pending.pop()
        if isinstance(cause, BaseException) and cause not in causes:
            causes.append(cause)
            pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    if any(isinstance(cause, _TIME_OUTS) and not isinstance(cause, _NO_TIME_OUTS) for cause in causes):
        return Failure.TIMED_OUT
    if any(isinstance(cause, _TLS_FAULTS) or "CA certificate" in str(cause) for cause in causes):
        return Failure.TLS
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return Failure.UNREACHABLE
    if any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in causes):
        return Failure.DROPPED
    return Failure.UNREACHABLE


class _Deadline(io.RawIOBase):
    """Reads from a socket until a time. A socket's own time-out starts anew with every byte that drips in."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # urllib3 has just set what is left of the time-out on the socket
        left = sock.gettimeout()
        if left is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_Deadline(sock, time.monotonic() + left))


class _Connection(HTTPConnection):
    response_class = _DeadlineResponse


class _SecureConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
