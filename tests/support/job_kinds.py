"""Kinds of jobs that only tests have."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.jobs import drain
from vectorstore.jobs.registry import work
from vectorstore.models import Job
from vectorstore.monitoring import request_id
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Work


def _note(params: dict[str, Any], text: str) -> None:
    with Path(params["file"]).open("a") as file:
        file.write(f"{text}\n")


@work("test.chunks")
def chunks(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """So many ``chunks``, each of ``seconds``; what each did is a line of ``file``. Drains before chunk ``drain``."""
    work.stage("counting")
    for number in range(params["chunks"]):
        work.progress(number, params["chunks"], "chunks")
        if work.finished(str(number)) is not None:
            continue
        if params.get("drain") == number:
            drain.begin()
        work.check()
        _note(params, f"begin {number}")
        ends = time.monotonic() + params.get("seconds", 0)
        while time.monotonic() < ends:
            work.check()
            time.sleep(0.01)
        _note(params, f"did {number}")
        work.finish(str(number), {"number": number})
    work.progress(params["chunks"], params["chunks"], "chunks")
    work.say("all chunks are finished")
    return {"notes": [work.finished(str(number)) for number in range(params["chunks"])]}


@work("test.wait")
def wait(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Goes on until it is stopped; what it made is taken back when it is cancelled."""
    work.finish("made", {})
    _note(params, "waiting")
    try:
        while True:
            work.check()
            time.sleep(0.01)
    except Cancelled:
        _note(params, "taken back")
        raise


@work("test.cancelled")
def cancelled(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Somebody cancels it while it runs; it finds out by itself."""
    work.finish("made", {})
    Job.objects.filter(state="running").update(cancel_requested=True)
    while True:
        work.check()
        time.sleep(0.01)


@work("test.die")
def die(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    _note(params, "dying")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@work("test.exit")
def leave(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    raise SystemExit(1)


@work("test.refused")
def refused(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    errors = tuple(FieldError(f"/rows/{number}", "invalid", "no") for number in range(150))
    raise InvalidRequest("150 rows are wrong.", errors=errors)


@work("test.broken")
def broken(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("the inside of the machine")


@work("test.who")
def who(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Who does it, where, under which request, and whether rows of ``docs`` and of ``other`` may be looked at."""
    rights = Service(scope).rights
    may = {name: rights.decide("vector.query", "default", "default", name).allowed for name in ("docs", "other")}
    told = {"actor": scope.actor.name, "method": scope.actor.method, "database": scope.database, "may": may}
    return {**told, "request": request_id.current.get()}


@work("test.log")
def talk(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    for number in range(params["lines"]):
        work.say(f"line {number}\0")
    return {}
