"""Which addresses are SNS's own: what is visited is never an address that a message made up."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_URL = 2048


def is_at(url: str, origin: str) -> bool:
    """Whether the URL leads to exactly that scheme, host and port, and nowhere by way of a trick."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}".lower() == origin
