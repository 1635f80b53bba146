"""Forms that servers hand over without a length."""

import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from vectorstore.api.uploads import read_form
from vectorstore.domain.errors import MalformedRequest, PayloadTooLarge


def chunked(body: bytes) -> object:
    """A request as a server hands it over whose client announced no length."""
    request = RequestFactory().post("/", content_type=MULTIPART_CONTENT)
    request.META |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(body)}
    del request.META["CONTENT_LENGTH"]
    return request


def test_a_form_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    body = encode_multipart(BOUNDARY, {"mode": "upsert", "file": SimpleUploadedFile("a.npy", content)})
    fields, files = read_form(chunked(body), tmp_path, ("file",), 10**6)  # type: ignore[arg-type]
    assert fields["mode"] == "upsert"
    assert files["file"].path.read_bytes() == content
    assert files["file"].name == "a.npy"


def test_it_is_bounded_all_the_same(tmp_path: Path) -> None:
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.npy", b"x" * 300_000)})
    with pytest.raises(PayloadTooLarge):
        read_form(chunked(body), tmp_path, ("file",), 299_999)  # type: ignore[arg-type]


def test_a_length_that_is_no_number_is_refused(tmp_path: Path) -> None:
    request = RequestFactory().post("/", {"a": "b"})
    request.META["CONTENT_LENGTH"] = "many"
    with pytest.raises(MalformedRequest):
        read_form(request, tmp_path, ("file",), 10)
