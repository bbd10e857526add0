# Copyright (C) The ngx_http_messaging_module authors

"""The peer on Django Channels: settings, consumer and application."""

import datetime
import json
import os
import re
import time
from urllib.parse import parse_qs, quote

import django
from django.conf import settings

REDIS = os.environ.get("BENCH_REDIS")

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    LOGGING_CONFIG=None,
    SECRET_KEY="of no use here",
    USE_TZ=True,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "layer.JsonLayer",
            "CONFIG": {"hosts": ["redis://" + REDIS], "prefix": "messaging:"},
        } if REDIS else {
            # 100 by default; more wait for a consumer here than there
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 10000},
        },
    },
)

django.setup()

import jwt
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

ALG = os.environ["BENCH_ALG"]
MAX_CONTENT = int(os.environ.get("BENCH_MAX_CONTENT", 2000))
PONG = '{"type":"pong"}'

if ALG == "RS256":
    from cryptography.hazmat.primitives.serialization import (
        load_pem_public_key)

    # parsed once
    with open(os.environ["BENCH_PUBLIC_KEY"], "rb") as pem:
        KEY = load_pem_public_key(pem.read())

else:
    KEY = os.environ["BENCH_SECRET"]

last_id = 0


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def next_id():
    """Unique, growing, below 2^53."""

    global last_id

    last_id = max(last_id + 1, time.time_ns() // 1000000 * 1024)
    return last_id


def now():
    return datetime.datetime.now(datetime.timezone.utc) \
        .isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claims_of(scope):
    query = parse_qs(scope["query_string"].decode())
    token = query.get("token", [""])[0]

    try:
        claims = jwt.decode(token, KEY, algorithms=[ALG],
                            options={"require": ["exp", "user_id"]})

    except jwt.InvalidTokenError:
        return None

    user = claims["user_id"]

    if isinstance(user, bool) or not isinstance(user, (int, str)):
        return None

    return claims


class Chat(AsyncWebsocketConsumer):

    async def connect(self):
        claims = claims_of(self.scope)

        self.group = None

        if claims is None:
            await self.accept()
            await self.close(code=4001)
            return

        text = self.scope["url_route"]["kwargs"]["conversation"]

        self.user_id = claims["user_id"]
        self.user_key = quote(str(self.user_id), safe="")
        self.user_name = claims.get("name")
        self.conversation = int(text) \
            if re.fullmatch("0|[1-9][0-9]{0,14}", text) else text
        self.group = text

        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        if self.group is not None:
            await self.channel_layer.group_discard(self.group,
                                                   self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        if text_data is None:
            await self.close(code=1003)
            return

        try:
            frame = json.loads(text_data)

        except ValueError:
            frame = None

        if not isinstance(frame, dict):
            await self.error("invalid_json")
            return

        kind = frame.get("type")

        if kind == "ping":
            await self.send(text_data=PONG)

        elif kind == "typing":
            await self.relay(self.typing(frame), skip=self.user_key)

        elif kind == "message":
            await self.message(frame)

        elif kind == "read":
            receipt = {"type": "read_receipt", "reader_id": self.user_id,
                       "read_at": now()}

            for name in "message_id", "message_ids":
                if name in frame:
                    receipt[name] = frame[name]

            await self.relay(receipt)

        else:
            await self.error("unknown_type" if kind else "invalid_frame")

    def typing(self, frame):
        typing = {"type": "typing_indicator", "user_id": self.user_id,
                  "is_typing": bool(frame.get("is_typing", True))}

        if self.user_name is not None:
            typing["name"] = self.user_name

        return typing

    async def message(self, frame):
        content = frame.get("content")

        if not isinstance(content, str) or not content.strip():
            await self.error("invalid_frame")
            return

        content = content.strip()

        if len(content) > MAX_CONTENT:
            await self.error("too_large")
            return

        sender = {"id": self.user_id}

        if self.user_name is not None:
            sender["name"] = self.user_name

        message = {
            "id": next_id(), "conversation_id": self.conversation,
            "sender": sender, "content": content,
            "image": frame.get("image"), "is_read": False, "read_at": None,
            "created_at": now(),
        }

        new_message = {"type": "new_message", "message": message}
        client_id = frame.get("client_id")

        if client_id is not None:
            new_message["client_id"] = client_id

        await self.relay(new_message)

        if client_id is not None:
            await self.send(text_data=dumps({
                "type": "ack", "client_id": client_id, "id": message["id"],
                "created_at": message["created_at"]}))

    async def relay(self, frame, skip=None):
        await self.channel_layer.group_send(
            self.group, {"type": "frame", "text": dumps(frame), "skip": skip})

    async def frame(self, event):
        """What the channel layer has brought, JSON already."""

        if event["skip"] is None or event["skip"] != self.user_key:
            await self.send(text_data=event["text"])

    async def error(self, code):
        await self.send(text_data=dumps(
            {"type": "error", "code": code,
             "message": code.replace("_", " ")}))


application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter([
        re_path(r"^ws/messaging/(?P<conversation>[A-Za-z0-9_.-]{1,128})/$",
                Chat.as_asgi()),
    ]),
})
