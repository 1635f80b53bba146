"""For servers that speak ASGI only. WSGI with threads is several times faster here."""

import os

from django.core.asgi import get_asgi_application

from vectorstore.config.settings import current

os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)
application = get_asgi_application()
