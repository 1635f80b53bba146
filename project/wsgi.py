"""What the web server serves."""

import os

from django.core.wsgi import get_wsgi_application

from vectorstore.config.settings import current

os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)
application = get_wsgi_application()
