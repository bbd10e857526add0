# Copyright (C) The ngx_http_messaging_module authors

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.decorators import (
    api_view, authentication_classes, permission_classes)
from rest_framework.exceptions import (
    APIException, NotAuthenticated, NotFound, ParseError, PermissionDenied)
from rest_framework.response import Response

from . import messaging
from .models import Conversation, Membership, Message, User
from .serializers import (
    MAX_ID, MessageSerializer, PositionSerializer, message_json, rfc3339)

PAGE = 100


class Conflict(APIException):
    status_code = 409
    default_detail = "this client_id was used in another conversation"


def membership_of(user, pk):
    membership = Membership.objects.select_related("conversation").filter(
        user=user, conversation=min(pk, MAX_ID)).first()

    # nobody is told what there is that is not his
    if membership is None:
        raise PermissionDenied()

    return membership


def checked(serializer):
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


# nginx asks this one: messaging_access request=.  It has verified the token.

@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def access(request):
    user = User.objects.filter(
        pk=int(request.headers["X-Messaging-User"]), is_active=True).first()

    if user is None:
        # not 401 by itself: there is nothing to authenticate with
        return Response(status=401)

    conversation = request.headers.get("X-Messaging-Conversation")

    if conversation is None:
        # a socket for many: it need not ask for these
        return Response({
            "name": user.name,
            "conversations": list(user.conversations.filter(
                archived=False).values_list("pk", flat=True)),
        })

    if not conversation.isdecimal():
        raise NotFound()

    membership = membership_of(user, int(conversation))

    return Response({"name": user.name,
                     "read_only": membership.conversation.archived})


@api_view(["GET"])
def conversations(request):
    return Response([
        {"id": c.pk, "title": c.title, "archived": c.archived}
        for c in request.user.conversations.order_by("pk")
    ])


# GET: what came after a message that the client knows.  POST: nginx, for
# messaging_store, and apps that have no socket.

@api_view(["GET", "POST"])
def messages(request, pk):
    membership = membership_of(request.user, pk)

    if request.method == "GET":
        try:
            after = min(int(request.query_params.get("after", 0)),
                        MAX_ID)

        except ValueError:
            raise ParseError()

        rows = Message.objects.select_related("sender").filter(
            conversation=pk, pk__gt=after).order_by("pk")[:PAGE]

        return Response([message_json(m) for m in rows])

    # who sends again what was stored before is told so even now
    data = checked(MessageSerializer(data=request.data, context={"pk": pk}))
    client_id = data["client_id"]
    message = stored(request.user, pk, client_id)

    if message is None and membership.conversation.archived:
        raise PermissionDenied("the conversation is archived")

    if message is None:
        try:
            return Response(
                message_json(store(request.user, membership, data)),
                status=201)

        except IntegrityError:
            # the same message, at the same time: the unique key has decided
            message = stored(request.user, pk, client_id)

            if message is None:
                raise

    return Response(message_json(message))


def stored(sender, pk, client_id):
    if client_id is None:
        return None

    message = Message.objects.select_related("sender").filter(
        sender=sender, client_id=client_id).first()

    if message is not None and message.conversation_id != pk:
        raise Conflict()

    return message


def store(sender, membership, data):
    with transaction.atomic():
        message = Message.objects.create(
            conversation=membership.conversation, sender=sender, **data)

        frame = {"type": "new_message", "message": message_json(message)}

        if message.client_id is not None:
            frame["client_id"] = message.client_id

        messaging.publish(membership.conversation, frame)

    return message


# all messages of others, up to this one

@api_view(["POST"])
def read(request, pk):
    conversation = membership_of(request.user, pk).conversation
    message_id = checked(PositionSerializer(data=request.data))["message_id"]
    now = timezone.now()

    with transaction.atomic():
        count = Message.objects.filter(
            conversation=pk, pk__lte=message_id, read_at=None,
        ).exclude(sender=request.user).update(read_at=now)

        # once is enough, however often it is said
        if count > 0:
            messaging.publish(conversation, {
                "type": "read_receipt", "reader_id": request.user.pk,
                "read_at": rfc3339(now), "message_id": message_id})

    return Response({"read": count})


@api_view(["POST"])
def archive(request, pk):
    membership = membership_of(request.user, pk)

    if not membership.owner:
        raise PermissionDenied()

    with transaction.atomic():
        Conversation.objects.filter(pk=pk).update(archived=True)
        messaging.publish(membership.conversation,
                          {"type": "conversation_archived"})

    return Response(status=204)


# the owner, or who leaves

@api_view(["DELETE"])
def member(request, pk, user):
    membership = membership_of(request.user, pk)

    if not membership.owner and request.user.pk != user:
        raise PermissionDenied()

    with transaction.atomic():
        count, _ = Membership.objects.filter(
            conversation=pk, user=min(user, MAX_ID)).delete()

    if count == 0:
        raise NotFound()

    return Response(status=204)


@api_view(["POST"])
def password(request):
    user = request.user
    old, new = (request.data.get(name) for name in ("old", "new"))

    if not isinstance(old, str) or not user.check_password(old):
        raise NotAuthenticated()

    try:
        validate_password(new, user)

    except ValidationError as e:
        raise ParseError(e.messages)

    with transaction.atomic():
        user.set_password(new)
        user.save()

    return Response(status=204)
