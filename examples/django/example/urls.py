# Copyright (C) The ngx_http_messaging_module authors

from django.urls import include, path

urlpatterns = [
    path("api/", include("chat.urls")),

    # nginx passes nothing of this on for a client, see nginx.conf
    path("internal/", include("chat.internal_urls")),
]
