"""Tests: everything in a temporary folder; ``DATABASE_URL`` chooses PostgreSQL, else SQLite in a file."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before anything reads the settings, so that a developer's data folder is never touched.
if "VECTORSTORE_TEST_DIR" not in os.environ:
    os.environ["VECTORSTORE_TEST_DIR"] = tempfile.mkdtemp(prefix="vectorstore-test-")
    atexit.register(shutil.rmtree, os.environ["VECTORSTORE_TEST_DIR"], ignore_errors=True)
_folder = os.environ["VECTORSTORE_DATA_DIR"] = os.environ["VECTORSTORE_TEST_DIR"]
os.environ.setdefault("VECTORSTORE_DEMO", "false")

from project.settings.base import *
from project.settings.base import DATABASES, env

SECRET_KEY = "for-tests-only-0123456789-0123456789-0123456789-abcdef"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # no scan of every static file at each start

if not env.database_url:
    # A file, because threads cannot share SQLite's memory database under write locks.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_folder) / "test.sqlite3")}
if "REDIS_URL" not in os.environ:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"
AUDIT_FLUSHER = False  # a thread would write into the transactions of the tests; they call flush()
JOURNAL_FLUSHER = False
PROFILE_FLUSHER = False
