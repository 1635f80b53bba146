"""See ``benchmarks.bare``."""

from project.settings.dev import *
from project.settings.dev import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "benchmarks.bare.BareConfig"]
