"""Log lines for people and for machines; both carry the id of the request being served."""

import json
import logging
import time

from vectorstore.monitoring import request_id


class PlainFormatter(logging.Formatter):
    """``12:00:00 INFO vectorstore.service [request id] message``."""

    def __init__(self) -> None:
        self.converter = time.gmtime
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        current = request_id.current.get()
        record.request = f" [{current}]" if current else ""
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``ts`` (UTC), ``level``, ``logger``, ``message``, ``request_id``, ``error``."""

    def __init__(self) -> None:
        super().__init__()
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.current.get():
            line["request_id"] = current
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
