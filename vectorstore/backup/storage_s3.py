"""An S3-compatible store as backup storage, through django-storages and its client."""

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore import exceptions as boto
from botocore.config import Config
from storages.backends.s3 import S3Storage as Backend

from vectorstore.backup.storage import CHUNK, Item, Sink, Storage, checked
from vectorstore.domain.errors import NotFound, StorageFailed, StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PART = 16 * 1024 * 1024
"""Bytes of each part of an upload: at most 10,000 are allowed, so that a file has up to 156 GiB."""

_CREDENTIALS = "VECTORSTORE_BACKUP_ACCESS_KEY and VECTORSTORE_BACKUP_SECRET_KEY"
_WRONG_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthFailure")
_DENIED = ("AccessDenied", "AllAccessDisabled", "403")
_FULL = ("XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity", "507")
_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301")
_BUSY = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "503")
_MISSING = ("NoSuchKey", "404")
_UNREACHABLE = (boto.ConnectionError, boto.HTTPClientError, boto.ResponseStreamingError, boto.IncompleteReadError)


@contextmanager
def _told(doing: str, path: str) -> Iterator[None]:
    """What the client says stays here: it can hold addresses and names of keys."""
    try:
        yield
    except boto.ClientError as error:
        raise _refusal(str(error.response.get("Error", {}).get("Code", "")), doing, path) from None
    except (boto.NoCredentialsError, boto.PartialCredentialsError):
        raise StorageFailed(f"There are no credentials for the backup storage: set {_CREDENTIALS}.") from None
    except _UNREACHABLE:
        raise StorageUnavailable(
            f"{doing} {path}: the backup storage does not answer; check endpoint_url in VECTORSTORE_BACKUP_URL.",
            retry_after=5,
        ) from None
    except (boto.BotoCoreError, ValueError) as error:
        raise StorageFailed(f"{doing} {path} failed ({type(error).__name__}): check VECTORSTORE_BACKUP_URL.") from None


def _refusal(code: str, doing: str, path: str) -> StorageFailed | NotFound:
    if code == "NoSuchBucket":
        return StorageFailed("The bucket that VECTORSTORE_BACKUP_URL names does not exist.")
    if code in _MISSING:
        return NotFound(f"There is no file {path} in the backup storage.")
    if code in _WRONG_KEYS:
        return StorageFailed(f"The backup storage does not accept the credentials: check {_CREDENTIALS}.")
    if code in _DENIED:
        return StorageFailed(
            f"{doing} {path} is not allowed: check the bucket of VECTORSTORE_BACKUP_URL and what {_CREDENTIALS} may do."
        )
    if code in _FULL:
        return StorageFull(
            f"There is no room for {doing} {path}: free some in the bucket of VECTORSTORE_BACKUP_URL, or name another."
        )
    if code in _ELSEWHERE:
        return StorageFailed("The bucket is in another region: set region in VECTORSTORE_BACKUP_URL.")
    if code in _BUSY:
        return StorageUnavailable(f"{doing} {path}: the backup storage is busy ({code}).", retry_after=5)
    return StorageFailed(f"{doing} {path} failed ({code or 'no code'}): check VECTORSTORE_BACKUP_URL.")


class S3Storage(Storage):
    """Without keys, the credentials are those that the machine has. Safe to share between threads."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key: str = "",
        secret_key: str = "",
    ) -> None:
        keys = {"access_key": access_key, "secret_key": secret_key} if access_key else {}
        # Content-MD5 goes with each upload, which every store checks; the newer checksums only some know.
        config = Config(
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            connect_timeout=10,
            read_timeout=60,
            retries={"total_max_attempts": 4, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=16,
        )
        place = {"bucket_name": bucket, "endpoint_url": endpoint_url, "region_name": region}
        with _told("Opening", "the backup storage"):
            self._client = Backend(**place, **keys, client_config=config).connection.meta.client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def _at(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked(path)}

    def create(self, path: str) -> Sink:
        return _S3Sink(self._client, self._at(path), path)

    def open(self, path: str) -> BinaryIO:
        with _told("Reading", path):
            body = self._client.get_object(**self._at(path))["Body"]
        return cast(BinaryIO, io.BufferedReader(_Body(body, path), CHUNK))

    def size(self, path: str) -> int | None:
        with suppress(NotFound), _told("Reading", path):
            return int(self._client.head_object(**self._at(path))["ContentLength"])
        return None

    def list(self, prefix: str = "") -> Iterator[Item]:
        pages = self._client.get_paginator("list_objects_v2")
        with _told("Listing", prefix or "the backup storage"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for found in page.get("Contents", ()):
                    yield Item(found["Key"].removeprefix(self._prefix), found["Size"], found["LastModified"])

    def delete(self, path: str) -> None:
        with suppress(NotFound), _told("Deleting", path):
            self._client.delete_object(**self._at(path))

    def drop_unfinished(self, before: datetime) -> None:
        pages = self._client.get_paginator("list_multipart_uploads")
        with _told("Removing unfinished uploads from", "the backup storage"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for found in page.get("Uploads", ()):
                    if found["Initiated"] < before:
                        at = {"Bucket": self._bucket, "Key": found["Key"], "UploadId": found["UploadId"]}
                        self._client.abort_multipart_upload(**at)

    def close(self) -> None:
        self._client.close()


class _Body(io.RawIOBase):
    """What is read, with its failures translated."""

    def __init__(self, body: Any, path: str) -> None:
        self._body, self._path = body, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        with _told("Reading", self._path):
            data: bytes = self._body.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


class _S3Sink(Sink):
    """Up to one part is sent at once; more goes in parts, each with its MD5, which the store compares."""

    def __init__(self, client: Any, at: dict[str, str], path: str) -> None:
        super().__init__()
        self._client, self._at, self._path = client, at, path
        self._waiting = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []
        self._hashes: list[bytes] = []

    def _put(self, data: memoryview) -> None:
        self._waiting += data
        while len(self._waiting) > PART:
            self._send(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def _send(self, part: bytes) -> None:
        with _told("Writing", self._path):
            if not self._upload:
                self._upload = {"UploadId": self._client.create_multipart_upload(**self._at)["UploadId"]}
            number = len(self._parts) + 1
            md5 = self._md5(part)
            sent = self._client.upload_part(**self._at, **self._upload, PartNumber=number, Body=part, ContentMD5=md5)
            self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def _md5(self, data: bytes) -> str:
        self._hashes.append(hashlib.md5(data, usedforsecurity=False).digest())
        return base64.b64encode(self._hashes[-1]).decode()

    def _finish(self) -> None:
        last = bytes(self._waiting)
        if self._upload:
            self._send(last)
        with _told("Writing", self._path):
            if self._upload:
                parts = {"Parts": self._parts}
                self._client.complete_multipart_upload(**self._at, **self._upload, MultipartUpload=parts)
            else:
                self._client.put_object(**self._at, Body=last, ContentMD5=self._md5(last))
            self._upload = {}
            kept = self._client.head_object(**self._at)
            if kept["ContentLength"] != self.size or not (self._is(kept["ETag"]) or self._reads_back()):
                self._client.delete_object(**self._at)
                raise StorageFailed(
                    f"The backup storage keeps other bytes of {self._path} than were sent: it is not to be trusted;"
                    " name another in VECTORSTORE_BACKUP_URL."
                )

    def _is(self, etag: str) -> bool:
        """Whether the ETag is S3's usual one: the MD5, or that of the parts' MD5s and their number."""
        if not self._parts:
            return etag.strip('"') == self._hashes[0].hex()
        whole = hashlib.md5(b"".join(self._hashes), usedforsecurity=False).hexdigest()
        return etag.strip('"') == f"{whole}-{len(self._parts)}"

    def _reads_back(self) -> bool:
        """Where the store encrypts, its ETag says nothing: then the bytes themselves are compared."""
        found = hashlib.sha256()
        with self._client.get_object(**self._at)["Body"] as body:
            while chunk := body.read(CHUNK):
                found.update(chunk)
        return found.digest() == self._hash.digest()

    def _drop(self) -> None:
        self._waiting.clear()
        if self._upload:
            with suppress(StorageFailed, NotFound), _told("Writing", self._path):
                self._client.abort_multipart_upload(**self._at, **self._upload)
