# Copyright (C) The ngx_http_messaging_module authors

"""channels_redis' layer on Redis' own publish and subscribe, with payloads
that are JSON, so that any backend can PUBLISH to a conversation."""

import asyncio
import re

from channels_redis.pubsub import (
    RedisPubSubChannelLayer, RedisPubSubLoopLayer)


class JsonLoopLayer(RedisPubSubLoopLayer):

    def _get_group_channel_name(self, group):
        return self.prefix + group


class JsonLayer(RedisPubSubChannelLayer):

    def _get_layer(self):
        loop = asyncio.get_running_loop()

        if loop not in self._layers:
            self._layers[loop] = JsonLoopLayer(
                *self._args, **self._kwargs, channel_layer=self)

        return self._layers[loop]

    def serialize(self, message):
        text = message["text"]

        if message["skip"] is not None:
            text = "@ x=%s k=typing\n%s" % (message["skip"], text)

        return text

    def deserialize(self, message):
        text = message.decode()
        skip = None

        if text.startswith("@"):
            head, text = text.split("\n", 1)
            match = re.search(r" x=(\S+)", head)
            skip = match and match.group(1)

        return {"type": "frame", "text": text, "skip": skip}
