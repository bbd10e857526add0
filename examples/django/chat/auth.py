# Copyright (C) The ngx_http_messaging_module authors

"""
Tokens: simplejwt's, and that those issued before User.tokens_since are void.

nginx is told the same by signals.py, so it does not ask for it.
"""

from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import (
    TokenObtainPairSerializer, TokenRefreshSerializer)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

from .models import User


def check(user, token):
    if not user.is_active or token["iat"] < user.tokens_since:
        raise InvalidToken("the token was revoked")


class Authentication(JWTAuthentication):

    def get_user(self, token):
        user = super().get_user(token)
        check(user, token)
        return user


class LoginSerializer(TokenObtainPairSerializer):

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)

        # messaging_jwt_name_claim
        token["name"] = user.name
        return token


class RefreshSerializer(TokenRefreshSerializer):

    def validate(self, attrs):
        token = RefreshToken(attrs["refresh"])
        user = User.objects.filter(
            pk=token.get(api_settings.USER_ID_CLAIM)).first()

        if user is None:
            raise InvalidToken("there is no such user")

        check(user, token)
        return super().validate(attrs)
