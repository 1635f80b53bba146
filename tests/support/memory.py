"""How much memory a process had at its most."""

from pathlib import Path


def peak_mb(pid: int) -> int:
    """In MB, 0 if the process is gone; unlike ``ru_maxrss`` it tells nothing of the process that started it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
