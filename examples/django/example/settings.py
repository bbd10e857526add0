# Copyright (C) The ngx_http_messaging_module authors

"""
What is particular here is at the end; the rest is what any project has.

The database and the key are in the directory EXAMPLE_DIR, or else here.
"""

import os
from datetime import timedelta
from pathlib import Path

DIR = Path(os.environ.get("EXAMPLE_DIR", Path(__file__).parent.parent))

# nginx reads the same file for messaging_jwt_key
SECRET_KEY = (DIR / "jwt.key").read_text().strip()

ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "chat",
]

MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIR / "db.sqlite3",
        "OPTIONS": {"timeout": 20},
    },
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TIME_ZONE = "UTC"
USE_TZ = True

AUTH_USER_MODEL = "chat.User"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["chat.auth.Authentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}

# messaging_jwt_key HS256, and messaging_revoke_time, which has to be as long
# as the longest of these
SIMPLE_JWT = {
    "SIGNING_KEY": SECRET_KEY,
    "ALGORITHM": "HS256",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    "TOKEN_OBTAIN_SERIALIZER": "chat.auth.LoginSerializer",
    "TOKEN_REFRESH_SERIALIZER": "chat.auth.RefreshSerializer",
}

# frames and control actions are POSTed to this server of nginx ...
MESSAGING_SOCKET = str(DIR / "messaging.sock")

# ... or published through Redis, if this is its URL
MESSAGING_REDIS = os.environ.get("MESSAGING_REDIS")
