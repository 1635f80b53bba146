import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project.processes import Program, StackError, Supervisor
from vectorstore.config.settings import BASE_DIR

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    with (tmp_path / "lock").open("w") as lock:
        made = Supervisor(BASE_DIR, {**os.environ, "FOLDER": str(tmp_path)}, lock)
        yield made
        made.stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _python(name: str, code: str, **options: object) -> Program:
    return Program(name, (sys.executable, "-c", code), **options)  # type: ignore[arg-type]


def _eventually(truth: Callable[[], bool], seconds: float = 10) -> bool:
    ends = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


_APPEND = "import os, time; print(os.getpid(), file=open(os.environ['FOLDER'] + '/{0}', 'a'), flush=True); "
_SLEEP = _APPEND + "time.sleep(600)"


def _pids(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_program_gets_its_input_and_its_lines_carry_its_name(
    supervisor: Supervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(_python("echo", "print('got', input())", stdin="hello\n"))
    assert _eventually(lambda: "echo   | got hello" in capfd.readouterr().out)


def test_a_program_may_write_to_a_file_instead(
    supervisor: Supervisor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(_python("quiet", "print('for the file'); exit(1)", log=tmp_path / "log"))
    said = ""

    def ended() -> bool:
        nonlocal said
        said += capfd.readouterr().out
        return "quiet ended with 1" in said

    assert supervisor.wait_until("its end", ended)
    assert (tmp_path / "log").read_text() == "for the file\n"
    assert str(tmp_path / "log") in said
    assert "for the file" not in said


def test_a_program_that_ends_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    sleep_at_the_second = "len(open(os.environ['FOLDER'] + '/once').readlines()) > 1 and time.sleep(600)"
    supervisor.start(_python("once", _APPEND.format("once") + sleep_at_the_second))
    assert supervisor.wait_until("the second start", lambda: len(_pids(tmp_path, "once")) == 2, timeout=20)


def test_a_program_that_ends_again_and_again_stops_the_stack(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.processes._MAX_CRASHES", 1)
    supervisor.start(_python("broken", "exit(3)"))
    with pytest.raises(StackError, match="broken ended 2 times"):
        supervisor.watch()


def test_waiting_has_an_end(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match="the moon was not ready within"):
        supervisor.wait_until("the moon", lambda: False, timeout=0.3)


def test_a_command_runs_to_its_end(supervisor: Supervisor) -> None:
    assert supervisor.run(sys.executable, "-c", "exit(7)") == 7


def test_a_signal_ends_the_wait_and_the_command(supervisor: Supervisor) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    began = time.monotonic()
    supervisor.run(sys.executable, "-c", "import time; time.sleep(600)")
    assert supervisor.wait_until("anything", lambda: False) is False
    supervisor.watch()
    assert time.monotonic() - began < 10


def test_stages_stop_in_reverse_and_leave_nobody(supervisor: Supervisor, tmp_path: Path) -> None:
    note = (
        "import os, signal, sys, time\n"
        "name = {0!r}; folder = os.environ['FOLDER']\n"
        "def end(*_):\n    print(name, file=open(folder + '/order', 'a')); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print(os.getpid(), file=open(folder + '/' + name, 'w'))\n"
        "time.sleep(600)"
    )
    for name in ("engine", "web"):
        supervisor.start(_python(name, note.format(name)))
    assert _eventually(lambda: bool(_pids(tmp_path, "engine") and _pids(tmp_path, "web")))
    supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["web", "engine"]
    assert not any(_alive(pid) for name in ("engine", "web") for pid in _pids(tmp_path, name))


def test_what_does_not_stop_is_killed_with_its_children(supervisor: Supervisor, tmp_path: Path) -> None:
    deaf = (
        "import os, signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.run([sys.executable, '-c', {_SLEEP.format('child')!r}])"
    )
    supervisor.start(_python("deaf", deaf, stop_within=0.5))
    assert _eventually(lambda: bool(_pids(tmp_path, "child")))
    supervisor.stop()
    assert _eventually(lambda: not _alive(_pids(tmp_path, "child")[0]), 2)


def test_a_supervisor_that_is_killed_leaves_nobody(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from project.processes import Program, Supervisor\n"
        "lock = open(os.environ['FOLDER'] + '/lock', 'w')\n"
        "supervisor = Supervisor(Path.cwd(), os.environ, lock)\n"
        f"supervisor.start(Program('orphan', (sys.executable, '-c', {_SLEEP.format('orphan')!r})))\n"
        "supervisor.watch()"
    )
    environment = {**os.environ, "FOLDER": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=BASE_DIR, env=environment) as process:
        assert _eventually(lambda: bool(_pids(tmp_path, "orphan")))
        process.kill()
    assert _eventually(lambda: not _alive(_pids(tmp_path, "orphan")[0]), 15)
