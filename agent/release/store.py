"""The bucket: objects that are written once and never changed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from agent.aws import errors
from agent.aws.errors import AWS_ERRORS
from agent.release.location import Location
from agent.release.places import ReleaseError

SHA256 = "sha256"
"""The metadata entry that carries an object's checksum."""

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_NO_BUCKET = frozenset({"404", "NoSuchBucket", "NotFound"})
_DENIED = errors.DENIED | {"403", "Forbidden", "AllAccessDisabled"}
_WRONG_REGION = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_WRONG_KEYS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_THERE = frozenset({"412", "PreconditionFailed"})
_CONCURRENT = frozenset({"409", "ConditionalRequestConflict"})
_NO_CONDITIONS = frozenset({"501", "NotImplemented"})


class Store:
    """Raises ReleaseError for every fault of the world, with what to do next."""

    def __init__(self, s3: Any, place: Location) -> None:
        self._s3 = s3
        self._place = place

    def region(self, wanted: str | None) -> str:
        """The bucket's Region, known to be reachable. Raises ReleaseError when it is not the one that is wanted."""
        try:
            answer = self._s3.head_bucket(Bucket=self._place.bucket)
        except AWS_ERRORS as error:
            raise self._fault(error, "HeadBucket", "s3:ListBucket", wanted) from error
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        found = str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or wanted or "us-east-1")
        if wanted and found != wanted:
            raise ReleaseError(self._elsewhere(found, wanted))
        return found

    def sha256(self, key: str) -> str | None:
        """The checksum of what is there, None for nothing. By the object's metadata, S3's own checksum, its bytes."""
        try:
            head = self._s3.head_object(Bucket=self._place.bucket, Key=key, ChecksumMode="ENABLED")
            if SHA256 in head["Metadata"]:
                return str(head["Metadata"][SHA256])
            if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "ChecksumSHA256" in head:
                return base64.b64decode(head["ChecksumSHA256"]).hex()
            body = self._s3.get_object(Bucket=self._place.bucket, Key=key)["Body"]
            return hashlib.sha256(body.read()).hexdigest()
        except AWS_ERRORS as error:
            if _code(error) in _ABSENT:
                return None
            raise self._fault(error, f"HeadObject {key}", "s3:GetObject and s3:ListBucket") from error

    def create(self, key: str, data: bytes, content_type: str) -> bool:
        """Write an object that is not there yet; False when somebody else has written it in the meantime.

        S3 itself refuses to overwrite (`If-None-Match: *`). A store without conditional writes takes it as it is.
        """
        digest = hashlib.sha256(data)
        request = {
            "Bucket": self._place.bucket,
            "Key": key,
            "Body": data,
            "ContentType": content_type,
            "Metadata": {SHA256: digest.hexdigest()},
            "ChecksumSHA256": base64.b64encode(digest.digest()).decode(),
        }
        try:
            self._s3.put_object(**request, IfNoneMatch="*")
        except AWS_ERRORS as error:
            if _code(error) in _THERE | _CONCURRENT:
                return False
            if _code(error) not in _NO_CONDITIONS:
                raise self._fault(error, f"PutObject {key}", "s3:PutObject") from error
            self._put_unconditionally(request)
        return True

    def _put_unconditionally(self, request: dict[str, Any]) -> None:
        try:
            self._s3.put_object(**request)
        except AWS_ERRORS as error:
            raise self._fault(error, f"PutObject {request['Key']}", "s3:PutObject") from error

    def _fault(self, error: Exception, doing: str, right: str, wanted: str | None = None) -> ReleaseError:
        code, bucket = _code(error), self._place.bucket
        if code in _NO_BUCKET and not doing.startswith("HeadObject"):
            region = f" --region {wanted}" if wanted else ""
            return ReleaseError(
                f"there is no bucket {bucket}: `aws s3 mb s3://{bucket}{region}` makes it, in the cluster's Region"
            )
        if code in _WRONG_REGION:
            return ReleaseError(self._elsewhere(_region_in(error) or "another Region", wanted or "this session's"))
        if code in _WRONG_KEYS:
            return ReleaseError(f"AWS does not take these credentials ({code}): log in again, or choose AWS_PROFILE")
        if code in _DENIED:
            return ReleaseError(
                f"denied: {doing} in bucket {bucket}: your role or user needs {right} there, "
                "and the bucket's own policy must not refuse it"
            )
        if isinstance(error, errors.NO_CREDENTIALS):
            return ReleaseError("no AWS credentials: run `aws configure` or `aws sso login`, or set AWS_PROFILE")
        return ReleaseError(f"{doing} in bucket {bucket}: {error}")

    def _elsewhere(self, found: str, wanted: str) -> str:
        return (
            f"bucket {self._place.bucket} is in {found}, not in {wanted}: a cluster fetches its bootstrap action from "
            f"a bucket in its own Region. Publish with --region {found} for clusters there, or to a bucket in {wanted}"
        )


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _region_in(error: Exception) -> str | None:
    response = getattr(error, "response", {})
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = response.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region")
    return str(found) if found else None
