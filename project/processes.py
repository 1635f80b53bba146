"""Processes under one supervisor: started in stages, watched, restarted, stopped together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_POLL_S = 0.1
_MAX_CRASHES = 5
_CRASH_WINDOW_S = 120.0
_COLOURS = (36, 33, 32, 35, 34)


class StackError(Exception):
    """The stack cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """``stdin`` is written to the process and closed; ``stop_within`` seconds pass before it is killed.

    With ``log`` its lines go to the end of that file, else to the terminal with its name before each.
    """

    name: str
    command: tuple[str, ...]
    stdin: str = ""
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 8.0


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[str]
    crashes: list[float] = field(default_factory=list)
    start_at: float | None = None


class Supervisor:
    """Not thread-safe: use it from the main thread, where signals arrive."""

    def __init__(self, directory: Path, environment: Mapping[str, str], lock: IO[str]) -> None:
        self.environment = dict(environment)
        self.stopping = threading.Event()
        self._directory = directory
        self._stages: list[list[_Running]] = []
        self._print_lock = threading.Lock()
        self._reaper = subprocess.Popen(
            [sys.executable, "-m", "project.reaper"],
            cwd=directory,
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())

    def start(self, *programs: Program) -> None:
        """Start the next stage: stages stop in the reverse of this order, the programs of one stage together."""
        stage: list[_Running] = []
        self._stages.append(stage)
        for program in programs:
            stage.append(_Running(program, self._spawn(program)))

    def wait_until(self, what: str, ready: Callable[[], bool], timeout: float = 60.0) -> bool:
        """Wait while watching; False if a stop was asked for.

        Raises:
            StackError: not ready within ``timeout`` seconds.
        """
        ends = time.monotonic() + timeout
        while not self.stopping.is_set():
            if ready():
                return True
            if time.monotonic() > ends:
                raise StackError(f"{what} was not ready within {timeout:.0f} s.")
            self._revive()
            self.stopping.wait(_POLL_S)
        return False

    def run(self, *command: str) -> int | None:
        """Run a command to its end on the terminal itself, so that it may draw; None if a stop was asked for."""
        process = subprocess.Popen(
            command, cwd=self._directory, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._tell_reaper("+", process)
        while process.poll() is None and not self.stopping.is_set():
            self._revive()
            self.stopping.wait(_POLL_S)
        code = process.poll()
        self._end([(process, signal.SIGTERM, 5.0)])
        return code

    def watch(self) -> None:
        """Keep everything running until a stop is asked for.

        Raises:
            StackError: a program crashes again and again.
        """
        while not self.stopping.wait(_POLL_S * 2):
            self._revive()

    def stop(self) -> None:
        """Stop all stages, the last first; nothing is left when it returns. Stopping twice is once."""
        self.stopping.set()
        while self._stages:
            stage = self._stages.pop()
            self._end([(run.process, run.program.stop_signal, run.program.stop_within) for run in stage])
        if self._reaper.stdin:
            self._reaper.stdin.close()
        self._reaper.wait()

    def say(self, text: str, name: str = "stack", colour: int = 1) -> None:
        if sys.stdout.isatty():
            line = f"\033[{colour}m{name:<7}|\033[0m {text}\n"
        else:
            line = f"{name:<7}| {text}\n"
        with self._print_lock:
            try:
                sys.stdout.write(line)
                sys.stdout.flush()
            except OSError:  # whoever read the output is gone
                self.stopping.set()

    def _spawn(self, program: Program) -> subprocess.Popen[str]:
        with program.log.open("ab") if program.log else nullcontext(subprocess.PIPE) as output:
            process = subprocess.Popen(
                program.command,
                cwd=self._directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        self._tell_reaper("+", process)
        if process.stdout:
            threading.Thread(target=self._relay, args=(program.name, process.stdout), daemon=True).start()
        with suppress(BrokenPipeError):
            if process.stdin:
                process.stdin.write(program.stdin)
                process.stdin.close()
        return process

    def _relay(self, name: str, lines: IO[str]) -> None:
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        with lines:
            for line in lines:
                self.say(line.rstrip(), name, colour)

    def _revive(self) -> None:
        now = time.monotonic()
        for run in [run for stage in self._stages for run in stage]:
            if run.start_at is not None:
                if now >= run.start_at:
                    run.start_at = None
                    run.process = self._spawn(run.program)
            elif run.process.poll() is not None:
                self._end([(run.process, signal.SIGKILL, 0.0)])  # what it left of its group
                run.crashes = [at for at in run.crashes if now - at < _CRASH_WINDOW_S] + [now]
                code = run.process.returncode
                if len(run.crashes) > _MAX_CRASHES:
                    raise StackError(f"{run.program.name} ended {len(run.crashes)} times (last with {code}).")
                pause = 2.0 ** (len(run.crashes) - 1)
                where = f" (see {run.program.log})" if run.program.log else ""
                self.say(f"{run.program.name} ended with {code}{where}; starting it again in {pause:.0f} s")
                run.start_at = now + pause

    def _end(self, ending: list[tuple[subprocess.Popen[Any], signal.Signals, float]]) -> None:
        """Signal the leaders, which stop their own children; then kill what is left of each group."""
        began = time.monotonic()
        for process, number, _ in reversed(ending):
            if process.poll() is None:
                process.send_signal(number)
        for process, _, within in ending:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, began + within - time.monotonic()))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._tell_reaper("-", process)

    def _tell_reaper(self, sign: str, process: subprocess.Popen[Any]) -> None:
        with suppress(BrokenPipeError):
            if self._reaper.stdin:
                self._reaper.stdin.write(f"{sign}{process.pid}\n")
