"""Another process that keeps profiles: ``python -m tests.support.profile_keeper DATABASE ACTOR NUMBER``."""

import os
import sys

import django
from django.conf import settings
from django.db import connections


def main(database: str, actor: str, number: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings.test"
    django.setup()
    settings.PROFILE_FLUSHER = True
    connections["default"].settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = database

    from tests.support.profiles import unsaved
    from vectorstore.monitoring import profile_writer

    for _ in range(number):
        profile_writer.keep(unsaved(actor=actor))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
