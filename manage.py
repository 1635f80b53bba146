#!/usr/bin/env python
"""Django's command line, with the settings that ``.env`` chooses."""

import os
import sys

from django.core.management import execute_from_command_line

from vectorstore.config.settings import current

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)
    execute_from_command_line(sys.argv)
