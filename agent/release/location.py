"""Where a release goes on S3."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.release.places import ReleaseError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._=+/-]*")


@dataclass(frozen=True, slots=True)
class Location:
    """`prefix` without a slash at either end, and empty for the root of the bucket."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, name: str) -> str:
        return f"{self.prefix}/{name}".lstrip("/")

    def under(self, name: str) -> Location:
        return Location(self.bucket, self.key(name))


def parse(uri: str) -> Location:
    """`s3://bucket/prefix`. Raises ReleaseError, saying what is wrong and the nearest right thing.

    Characters that a shell, a URL or a bootstrap action's argument list would read otherwise are refused: the place
    is written into all three.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme != "s3":
        raise ReleaseError(f"{uri!r} is no place on S3: write s3://{(rest or uri).strip('/') or 'bucket/prefix'}")
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ReleaseError(f"{uri!r}: {bucket!r} is no name of a bucket (3 to 63 of a-z, 0-9, '.' and '-')")
    prefix = prefix.strip("/")
    if not _PREFIX.fullmatch(prefix) or "//" in prefix:
        wrong = sorted({each for each in prefix if not _PREFIX.fullmatch(each)}) or ["//"]
        raise ReleaseError(f"{uri!r}: the prefix has {' '.join(map(repr, wrong))}; use letters, digits and . _ = + - /")
    return Location(bucket, prefix)
