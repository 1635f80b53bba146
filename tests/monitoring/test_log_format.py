import json
import logging
import sys

from vectorstore.monitoring import request_id
from vectorstore.monitoring.log_format import JsonFormatter, PlainFormatter


def _record(message: str = "hello %s", error: bool = False) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("wrong")
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord("vectorstore.x", logging.WARNING, __file__, 1, message, ("you",), info)


def test_a_json_line_is_one_object_on_one_line() -> None:
    line = JsonFormatter().format(_record("two\nlines for %s", error=True))
    assert "\n" not in line
    read = json.loads(line)
    assert read["message"] == "two\nlines for you"
    assert (read["level"], read["logger"]) == ("WARNING", "vectorstore.x")
    assert read["ts"].endswith("Z")
    assert "ValueError: wrong" in read["error"]


def test_both_forms_carry_the_id_of_the_request() -> None:
    token = request_id.current.set("abc-1")
    try:
        assert json.loads(JsonFormatter().format(_record()))["request_id"] == "abc-1"
        assert PlainFormatter().format(_record()).endswith("WARNING vectorstore.x [abc-1] hello you")
    finally:
        request_id.current.reset(token)


def test_outside_a_request_there_is_no_id() -> None:
    assert "request_id" not in json.loads(JsonFormatter().format(_record()))
    assert PlainFormatter().format(_record()).endswith("WARNING vectorstore.x hello you")
