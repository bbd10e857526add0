# Copyright (C) The ngx_http_messaging_module authors

from django.urls import path

from . import views

urlpatterns = [
    path("access/", views.access),
]
