"""Against a server of our own that speaks the protocol, and breaks it in every way one can."""

import base64
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from vectorstore.adapters.embedding.openai import OpenAIEmbedder
from vectorstore.config.settings import load
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest

KEY = "sk-secret-key"
Answer = Callable[["Handler", dict], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Server = self.server
        server.seen.append((self.path, dict(self.headers), body))
        answers = server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self, body)

    def reply(self, status: int, content: object, **headers: str) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict, dict]] = []
        self.answers: list[Answer] = [floats]
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *args: object) -> None:
        """A client that has gone away is part of the tests."""


def vector(text: str, dimension: int = 4) -> list[float]:
    return [float(len(text)), 0.5, -1.0, 2.0][:dimension] + [0.0] * (dimension - 4)


def floats(handler: Handler, body: dict) -> None:
    data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
    handler.reply(200, {"object": "list", "data": data[::-1], "model": body["model"]})


def packed(handler: Handler, body: dict) -> None:
    rows = [base64.b64encode(struct.pack("<4f", *vector(text))).decode() for text in body["input"]]
    handler.reply(200, {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]})


def failing(status: int, **headers: str) -> Answer:
    return lambda handler, body: handler.reply(status, {"error": f"{KEY} {body['input']}"}, **headers)


def saying(content: object) -> Answer:
    return lambda handler, body: handler.reply(200, content)


def slow(handler: Handler, body: dict) -> None:
    time.sleep(2)
    floats(handler, body)


def dripping(handler: Handler, body: dict) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def breaking_off(handler: Handler, body: dict) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def make(server: Server) -> Iterator[Callable[..., OpenAIEmbedder]]:
    made: list[OpenAIEmbedder] = []

    def build(**options: object) -> OpenAIEmbedder:
        made.append(OpenAIEmbedder(server.url, "small", **({"api_key": KEY, "deadline": 5} | options)))
        return made[-1]

    yield build
    for embedder in made:
        embedder.close()


@pytest.mark.parametrize("answer", [floats, packed])
def test_float_and_base64_answers_become_rows_in_the_order_of_the_texts(server, make, answer):
    server.answers = [answer]
    vectors = make().embed(["a", "bbb", "cc"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 0.5, -1, 2], [3, 0.5, -1, 2], [2, 0.5, -1, 2]]


def test_the_request_is_what_the_protocol_says(server, make):
    assert make(dimensions=4).embed_query("text").shape == (4,)
    path, headers, body = server.seen[0]
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {"model": "small", "input": ["text"], "encoding_format": "base64", "dimensions": 4}


def test_without_a_key_none_is_sent(server, make):
    make(api_key="").embed(["x"])
    assert "Authorization" not in server.seen[0][1]
    assert "dimensions" not in server.seen[0][2]


def test_many_texts_go_in_batches(server, make):
    texts = ["x" * (i + 1) for i in range(7)]
    assert make(batch_size=3).embed(texts)[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert [len(body["input"]) for _, _, body in server.seen] == [3, 3, 1]


def test_the_dimension_is_asked_for_once(server, make):
    embedder = make()
    assert (embedder.dimension, embedder.dimension) == (4, 4)
    assert embedder.embed([]).shape == (0, 4)
    assert len(server.seen) == 1


def test_a_dimension_other_than_asked_for_is_an_error(make):
    with pytest.raises(EmbeddingFailed, match="4 dimensions instead of 8"):
        make(dimensions=8).embed(["x"])


def test_a_dimension_that_changes_is_an_error(server, make):
    embedder = make()
    embedder.embed(["x"])
    server.answers = [saying({"data": [{"index": 0, "embedding": [1.0, 2.0]}]})]
    with pytest.raises(EmbeddingFailed, match="2 dimensions instead of 4"):
        embedder.embed(["x"])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_repeated(server, make, status):
    server.answers = [failing(status), failing(status), floats]
    assert make().embed(["x"]).shape == (1, 4)
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [429, 500])
def test_a_lasting_failure_ends_after_three_attempts_and_leaks_nothing(server, make, status):
    server.answers = [failing(status)]
    with pytest.raises(EmbeddingFailed, match=str(status)) as raised:
        make().embed(["private text"])
    assert len(server.seen) == 3
    assert raised.value.retry_after == 1
    assert_nothing_leaks(raised.value, server)


def test_the_pause_that_the_server_asks_for_is_made(server, make):
    server.answers = [failing(429, Retry_After="0.4"), floats]
    began = time.monotonic()
    make().embed(["x"])
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("as_date", [False, True])
def test_a_pause_beyond_the_deadline_is_handed_to_the_caller(server, make, as_date):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.answers = [failing(429, Retry_After=later if as_date else "60")]
    with pytest.raises(EmbeddingFailed) as raised:
        make().embed(["x"])
    assert len(server.seen) == 1
    assert raised.value.retry_after == pytest.approx(60, abs=3)


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_a_pause_that_makes_no_sense_does_no_harm(server, make, header):
    server.answers = [failing(429, Retry_After=header), floats]
    assert make().embed(["x"]).shape == (1, 4)


@pytest.mark.parametrize(("status", "hint"), [(400, "base_url"), (401, "API_KEY"), (403, "API_KEY"), (302, "base_url")])
def test_a_refusal_is_not_repeated_and_says_what_to_check(server, make, status, hint):
    server.answers = [failing(status, Location="http://127.0.0.1:1/")]
    with pytest.raises(EmbeddingFailed, match=f"{status}.*{hint}") as raised:
        make().embed(["private text"])
    assert len(server.seen) == 1
    assert_nothing_leaks(raised.value, server)


@pytest.mark.parametrize("answer", [slow, dripping])
def test_a_slow_server_is_given_up_at_the_deadline(server, make, answer):
    server.answers = [answer]
    began = time.monotonic()
    with pytest.raises(EmbeddingFailed, match=r"did not answer within 0\.5 s"):
        make(deadline=0.5).embed(["x"])
    assert time.monotonic() - began < 5


def test_an_answer_that_breaks_off_is_repeated(server, make):
    server.answers = [breaking_off, floats]
    assert make().embed(["x"]).shape == (1, 4)


def test_a_server_that_is_not_there_is_an_error():
    embedder = OpenAIEmbedder("http://127.0.0.1:1/v1", "small", api_key=KEY)
    with pytest.raises(EmbeddingFailed, match="cannot be reached"):
        embedder.embed(["x"])
    embedder.close()


@pytest.mark.parametrize("key", ["line\nbreak-secret", "größe-secret"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_told(make, key):
    with pytest.raises(EmbeddingFailed, match="VECTORSTORE_EMBEDDING_API_KEY") as raised:
        make(api_key=key)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        {},
        {"data": None},
        {"data": []},
        {"data": [1]},
        {"data": ["x"]},
        {"data": [{"index": 0}]},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": "0", "embedding": [1.0]}]},
        {"data": [{"index": [], "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": None}]},
        {"data": [{"index": 0, "embedding": 3}]},
        {"data": [{"index": 0, "embedding": ["a"]}]},
        {"data": [{"index": 0, "embedding": [[1.0], [2.0]]}]},
        {"data": [{"index": 0, "embedding": [[1.0], 2.0]}]},
        {"data": [{"index": 0, "embedding": [1e300]}]},
        {"data": [{"index": 0, "embedding": "no base64!"}]},
        {"data": [{"index": 0, "embedding": base64.b64encode(b"odd").decode()}]},
        {"data": [{"index": 0, "embedding": base64.b64encode(struct.pack("<f", float("nan"))).decode()}]},
    ],
)
def test_an_answer_of_another_form_is_an_error(server, make, content):
    server.answers = [saying(content)]
    with pytest.raises(EmbeddingFailed, match="not a list of one vector for each text"):
        make().embed(["x"])


def test_rows_of_different_lengths_are_an_error(server, make):
    server.answers = [saying({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]})]
    with pytest.raises(EmbeddingFailed, match="not a list"):
        make().embed(["x", "y"])


def test_an_answer_without_indices_is_taken_in_its_order(server, make):
    server.answers = [saying({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]})]
    assert make().embed(["x", "y"]).tolist() == [[1], [2]]


def test_an_endless_answer_is_cut_off(server, make, monkeypatch):
    monkeypatch.setattr("vectorstore.adapters.embedding.openai._LARGEST_ANSWER", 100)
    with pytest.raises(EmbeddingFailed, match="too large"):
        make().embed(["x"] * 50)


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("api.example.org", "https://api.example.org/v1"),
        ("other.example, API.example.org", "https://api.example.org:8443/v1"),
        ("api.example.org:443", "https://api.example.org/v1"),
        ("api.example.org:80", "http://api.example.org"),
        ("[::1]:9000", "http://[::1]:9000/v1"),
        ("::1", "http://[::1]:9000/v1"),
    ],
)
def test_an_allowed_host_is_taken(hosts, url):
    OpenAIEmbedder.from_options({"base_url": url, "model": "m"}, load({"VECTORSTORE_EMBEDDING_HOSTS": hosts})).close()


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("", "https://api.example.org/v1"),
        ("api.example.org", "http://169.254.169.254/latest"),
        ("api.example.org", "https://api.example.org.evil.test/v1"),
        ("api.example.org", "https://evil.test/api.example.org"),
        ("api.example.org:443", "https://api.example.org:8443/v1"),
        ("example.org", "https://api.example.org"),
    ],
)
def test_another_host_is_refused_and_the_variable_is_named(hosts, url):
    with pytest.raises(InvalidRequest, match="VECTORSTORE_EMBEDDING_HOSTS") as raised:
        OpenAIEmbedder.from_options({"base_url": url, "model": "m"}, load({"VECTORSTORE_EMBEDDING_HOSTS": hosts}))
    assert raised.value.errors[0].pointer == "/embedding/options/base_url"


@pytest.mark.parametrize(
    "url",
    [
        "api.example.org",
        "ftp://api.example.org",
        "file:///etc/passwd",
        "https://",
        "https://user:pw@api.example.org",
        "https://api.example.org@evil.test",
        "https://api.example.org/v1?x=1",
        "https://api.example.org/#x",
        "https://api.example.org:99999",
        "http://[::1",
        "https://api.example.org\n.evil.test",
    ],
)
def test_what_is_no_plain_url_is_refused(url):
    with pytest.raises(InvalidRequest) as raised:
        OpenAIEmbedder.from_options(
            {"base_url": url, "model": "m"}, load({"VECTORSTORE_EMBEDDING_HOSTS": "api.example.org"})
        )
    assert raised.value.errors[0].pointer == "/embedding/options/base_url"


def test_a_batch_size_beyond_the_protocols_is_refused():
    options = {"base_url": "http://h", "model": "m", "batch_size": 2049}
    with pytest.raises(InvalidRequest, match="at most 2048"):
        OpenAIEmbedder.from_options(options, load({"VECTORSTORE_EMBEDDING_HOSTS": "h"}))


def test_the_key_comes_from_the_settings(server):
    settings = load({"VECTORSTORE_EMBEDDING_HOSTS": "127.0.0.1", "VECTORSTORE_EMBEDDING_API_KEY": KEY})
    embedder = OpenAIEmbedder.from_options({"base_url": server.url + "/", "model": "m", "batch_size": 1}, settings)
    assert embedder.embed(["x", "y"]).shape == (2, 4)
    embedder.close()
    assert [(path, headers["Authorization"]) for path, headers, _ in server.seen] == [
        ("/v1/embeddings", f"Bearer {KEY}")
    ] * 2


def assert_nothing_leaks(error: BaseException, server: Server) -> None:
    """Neither the message nor what a log would print below it repeats the key, the text or the address."""
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    for secret in (KEY, "private text", server.url):
        assert secret not in str(error)
