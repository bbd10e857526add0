# Copyright (C) The ngx_http_messaging_module authors

from django.urls import path
from rest_framework_simplejwt.views import (
    TokenObtainPairView, TokenRefreshView)

from . import views

urlpatterns = [
    path("token/", TokenObtainPairView.as_view()),
    path("token/refresh/", TokenRefreshView.as_view()),
    path("password/", views.password),
    path("conversations/", views.conversations),
    path("conversations/<int:pk>/messages/", views.messages),
    path("conversations/<int:pk>/read/", views.read),
    path("conversations/<int:pk>/archive/", views.archive),
    path("conversations/<int:pk>/members/<int:user>/", views.member),
]
