"""Writes the sets of ``test_golden`` in the present format: ``python -m tests.backup.write_golden FOLDER``."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings.test"
django.setup()

from tests.backup.made import KEYS, NO_KEYS, usual  # noqa: E402 models need Django first
from vectorstore.backup.repository import Repository  # noqa: E402
from vectorstore.backup.storage_local import UNFINISHED, LocalStorage  # noqa: E402

for case, keys in (("plain", NO_KEYS), ("encrypted", KEYS)):
    folder = Path(sys.argv[1]) / case
    with tempfile.TemporaryDirectory() as scratch:
        usual(Repository.open(LocalStorage(folder)), Path(scratch), keys)
    shutil.rmtree(folder / UNFINISHED)
