"""Which addresses are SNS's own: what is visited is never an address that a message made up."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_URL = 2048
_CERTIFICATE = re.compile(r"/[A-Za-z0-9_-]+\.pem")


def is_at(url: str, origin: str) -> bool:
    """Whether the URL leads to exactly that scheme, host and port, and nowhere by way of a trick."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}".lower() == origin


def is_certificate_at(url: str, origin: str) -> bool:
    """Whether the URL is that of a certificate there, and of nothing else.

    The API of SNS answers on the same host, and in its answers stands what anybody has put there, with a query that he
    has signed: an attribute may hold a certificate of his own.
    """
    if not is_at(url, origin):
        return False
    parts = urlsplit(url)
    return _CERTIFICATE.fullmatch(parts.path) is not None and url.endswith(parts.path)
