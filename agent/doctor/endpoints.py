"""Whether AWS's endpoints can be reached at all, step by step, and whether this node's clock agrees with theirs."""

from __future__ import annotations

import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies

from agent.doctor.findings import Finding, fail, ok, warn
from agent.doctor.ground import CONNECT_S, READ_S

DYNAMODB = "dynamodb"
SKEW_WARN_S, SKEW_FAIL_S = 60.0, 300.0
"""A signature older or younger than five minutes is refused (Signature Version 4)."""


def reach(url: str, service: str, region: str, *, needed: bool = True) -> Finding:
    """DNS, then TCP, then TLS. `service` is the endpoint's name, as in `com.amazonaws.<region>.monitoring`."""
    proxy = get_environ_proxies(url).get(urlsplit(url).scheme)
    parts = urlsplit(proxy or url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    by = f"{host}:{port}, the proxy" if proxy else f"{host}:{port}"
    bad = fail if needed else warn
    private = _private(service, region)
    began = time.monotonic()
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return bad(f"{by}: the name is not known: {error}", f"the VPC's DNS does not answer for it; {private}")
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as connection:
            if parts.scheme == "https":
                _shake(connection, host)
    except TimeoutError:
        return bad(f"{by}: no answer within {CONNECT_S:g} s", f"{private}, or a route to the internet")
    except ssl.SSLCertVerificationError as error:
        return warn(f"{by}: {error.verify_message}", "something between speaks TLS in AWS's name: set AWS_CA_BUNDLE")
    except OSError as error:
        return bad(f"{by}: {error}", f"a security group, a firewall or a proxy refuses; {private}")
    return ok(f"{by} ({addresses[0][4][0]}) in {1000 * (time.monotonic() - began):.0f} ms")


def _private(service: str, region: str) -> str:
    """How a private subnet reaches it. DynamoDB has a gateway endpoint too, which costs nothing (DynamoDB developer
    guide, "Gateway endpoints")."""
    name = f"com.amazonaws.{region}.{service}"
    if service == DYNAMODB:
        return f"in a private subnet create the gateway endpoint {name}, and name the subnet's route table in it"
    return f"in a private subnet create the interface endpoint {name} with private DNS"


def _shake(connection: socket.socket, host: str) -> None:
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    with context.wrap_socket(connection, server_hostname=host):
        return


def clock(url: str) -> Finding:
    """This node's clock against the `Date` of an answer, whatever the answer says."""
    before = time.time()
    try:
        answer = requests.head(url, timeout=(CONNECT_S, READ_S), allow_redirects=False)
    except requests.RequestException as error:
        return warn(f"not known: {type(error).__name__}", "the endpoint cannot be reached, see there")
    middle = (before + time.time()) / 2
    try:
        there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return warn("not known: the answer has no date", "something between answers in AWS's name")
    return judged(middle - there)


def judged(skew_s: float) -> Finding:
    """Of this node's clock against AWS's, positive when it is ahead."""
    seen = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} AWS"
    if abs(skew_s) > SKEW_FAIL_S:
        return fail(seen, "AWS refuses signatures that are off by five minutes: look at chronyd (169.254.169.123)")
    if abs(skew_s) > SKEW_WARN_S:
        return warn(seen, "look at chronyd (169.254.169.123)")
    return ok("agrees with AWS to a minute")
