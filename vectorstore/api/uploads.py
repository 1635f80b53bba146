"""Forms with files: each file goes straight to the disk, up to a limit, and is never held in memory."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict

from vectorstore.domain.errors import InvalidRequest, MalformedRequest, PayloadTooLarge
from vectorstore.transfer.folders import room

FORM = "multipart/form-data"
_OTHERS = 1024 * 1024
"""What a form may have beside its files."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent; ``name`` is the sender's."""

    path: Path
    name: str
    sha256: str


def leave_unread(request: HttpRequest) -> None:
    """Nobody but ``read_form`` shall read this form: the check of a session would, to look for a token in it."""
    request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]


def read_form(
    request: HttpRequest, folder: Path, files: tuple[str, ...], limit: int
) -> tuple[QueryDict, dict[str, Upload]]:
    """The fields of a form, and its files by the names of their parts: those in ``files``, each once.

    Raises:
        PayloadTooLarge: a file is larger than ``limit`` bytes; nothing past it is read.
        InvalidRequest: a part of another name, or one there twice.
        MalformedRequest: the form cannot be read.
        DiskFull: there is no room for it.
    """
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise MalformedRequest("Content-Length is not a number.") from None
    most = limit * len(files) + _OTHERS
    if announced > most:
        raise _too_large(limit)
    # A chunked body announces no length, and Django then reads none of it: ask the server's own stream.
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    stream: Any = request.META["wsgi.input"] if chunked else request
    meta = {**request.META, "CONTENT_LENGTH": str(most)} if chunked else request.META
    keeper = _Keeper(folder, files, limit)
    try:
        fields, _ = MultiPartParser(meta, stream, [keeper], "utf-8").parse()
    except (MultiPartParserError, UnicodeDecodeError):
        raise MalformedRequest("The form cannot be read.") from None
    finally:
        keeper.close()
    return fields, keeper.found


class _Keeper(FileUploadHandler):
    def __init__(self, folder: Path, files: tuple[str, ...], limit: int) -> None:
        super().__init__()
        self._folder, self._files, self._limit = folder, files, limit
        self._file: IO[bytes] | None = None
        self._part, self._size, self._digest = "", 0, hashlib.sha256()
        self.found: dict[str, Upload] = {}

    def new_file(self, field_name: str, *args: Any, **options: Any) -> None:
        super().new_file(field_name, *args, **options)
        if field_name not in self._files or field_name in self.found:
            raise InvalidRequest.at(
                f"/{field_name[:255]}", f"the files of the form are {' and '.join(self._files)}, each once"
            )
        self.close()
        self._part, self._size, self._digest = field_name, 0, hashlib.sha256()
        with room():
            self._file = (self._folder / f"upload-{field_name}").open("wb")
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._digest.update(raw_data)
        if self._file is not None:
            with room():
                self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        if self._file is not None:
            with room():
                self._file.flush()
                os.fsync(self._file.fileno())
            path = self._folder / f"upload-{self._part}"
            self.found[self._part] = Upload(path, self.file_name or "", self._digest.hexdigest())
            self.close()
        return None

    def close(self) -> None:
        """Close the file that was not finished."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file is larger than the limit of {limit} bytes (VECTORSTORE_MAX_UPLOAD_BYTES).")
