"""Answers of searches and reads, with what their time went to."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from vectorstore.api.renderers import encode
from vectorstore.monitoring.profile import Profile


def profiled(began: float, work: Callable[[Profile], Any], *, timed: bool = False) -> HttpResponse:
    """What ``work`` gives, an object, as JSON, with a ``Server-Timing`` header; ``took_ms`` and, where it was asked
    for, ``profile`` are its last members, because they cover the writing of the others.

    ``began`` is when the request came to its view, by ``time.perf_counter``; what was done since then was parsing.
    ``timed``: ``took_ms`` is there in any case.
    """
    profile = Profile(began)
    profile.end("parse")
    content = encode(work(profile))
    profile.end("serialise")
    last: dict[str, Any] = {"took_ms": profile.took_ms} if timed or profile.asked else {}
    if profile.asked:
        last["profile"] = profile.told()
    if last:
        content = content[:-1] + b"," + encode(last)[1:]
    response = HttpResponse(content, content_type="application/json")
    response["Server-Timing"] = profile.server_timing()
    profile.finish()
    return response
