"""``manage.py check --deploy`` with the production settings and the sample environment beside this file."""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    lines = (ROOT / "deploy" / "production.env.example").read_text().splitlines()
    sample = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **sample,
            "VECTORSTORE_SECRET_KEY": secrets.token_urlsafe(64),
            "VECTORSTORE_ENCRYPTION_KEYS": secrets.token_urlsafe(64),
            "VECTORSTORE_DATA_DIR": folder,
        }
        command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
