# Copyright (C) The ngx_http_messaging_module authors

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")

application = get_wsgi_application()

# "gunicorn --preload" has it all then, before it forks
from . import urls  # noqa: E402,F401
