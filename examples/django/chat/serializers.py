# Copyright (C) The ngx_http_messaging_module authors

from rest_framework import serializers

from .models import Message

# of the database; anything larger is no id
MAX_ID = 2**63 - 1


def rfc3339(time):
    """As in the frames of nginx: UTC, with milliseconds."""

    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_json(message):
    """A message as clients get it: in a frame, as an answer, in a list."""

    value = {
        "id": message.pk,
        "conversation_id": message.conversation_id,
        "sender": {"id": message.sender_id, "name": message.sender.name},
        "content": message.content,
        "image": message.image,
        "is_read": message.read_at is not None,
        "read_at": message.read_at and rfc3339(message.read_at),
        "created_at": rfc3339(message.created_at),
    }

    if message.reply_to_id is not None:
        value["reply_to"] = message.reply_to_id

    return value


class MessageSerializer(serializers.Serializer):
    """What nginx POSTs, or an app that has no socket."""

    content = serializers.CharField(max_length=2000, allow_blank=True,
                                    allow_null=True, default="")
    image = serializers.CharField(max_length=2048, allow_null=True,
                                  default=None)
    reply_to = serializers.IntegerField(min_value=1, max_value=MAX_ID,
                                        allow_null=True, default=None)
    client_id = serializers.CharField(max_length=64, allow_null=True,
                                      default=None, trim_whitespace=False)

    def validate(self, data):
        data["content"] = data["content"] or ""

        if not data["content"] and not data["image"]:
            raise serializers.ValidationError("there is nothing to store")

        reply_to = data.pop("reply_to")

        data["reply_to"] = Message.objects.filter(
            pk=reply_to, conversation=self.context["pk"]).first()

        if reply_to is not None and data["reply_to"] is None:
            raise serializers.ValidationError("no message of this one")

        return data


class PositionSerializer(serializers.Serializer):
    message_id = serializers.IntegerField(min_value=1, max_value=MAX_ID)
