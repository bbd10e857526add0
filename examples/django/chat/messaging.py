# Copyright (C) The ngx_http_messaging_module authors

"""
What the application tells nginx.

Both functions are called within a transaction; nginx is told when it has been
committed, and never of one that was rolled back.
"""

import http.client
import json
import logging
import socket
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from .models import Outgoing

CONTROL = "@control"

log = logging.getLogger(__name__)


def publish(conversation, frame):
    """A frame for everybody who is connected to the conversation."""

    tell(str(conversation.pk), frame)


def control(**action):
    """An action on live connections: disconnect, withdraw or revoke."""

    tell(CONTROL, action)


def tell(target, value):
    row = Outgoing.objects.create(
        target=target,
        body=json.dumps(value, separators=(",", ":"), ensure_ascii=False))

    transaction.on_commit(lambda: flush(row.pk))


def flush(pk=None):
    """
    Tells this one, and what others have left behind for 10 seconds; None: all
    that there is.

    Two that do this at the same time may tell the same thing twice: clients
    know a message by its id.
    """

    rows = Outgoing.objects.order_by("pk")

    if pk is not None:
        late = timezone.now() - timedelta(seconds=10)
        rows = rows.filter(Q(pk=pk) | Q(created_at__lt=late))

    for row in rows:
        try:
            if settings.MESSAGING_REDIS:
                by_redis(row.target, row.body)

            else:
                by_http(row.target, row.body)

        except (OSError, http.client.HTTPException, Unheard) as e:
            # it stays where it is, and so does what comes after it; what was
            # stored is stored all the same
            log.error("nginx was not told: %s: %s", type(e).__name__, e)
            return

        row.delete()


class Unheard(Exception):
    pass


class UnixConnection(http.client.HTTPConnection):

    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def by_http(target, body):
    connection = UnixConnection(settings.MESSAGING_SOCKET)
    path = "/control" if target == CONTROL else "/publish/" + target

    try:
        connection.request("POST", path, body.encode(),
                           {"Content-Type": "application/json"})
        status = connection.getresponse().status

    finally:
        connection.close()

    if 400 <= status < 500:
        # it will not be better next time
        log.error("nginx does not want to be told: %s: %d: %s", path, status,
                  body)

    elif status != 202:
        raise Unheard("%s was answered with %d" % (path, status))


def by_redis(target, body):
    import redis

    try:
        heard = redis.Redis.from_url(settings.MESSAGING_REDIS,
                                     socket_timeout=5) \
            .publish("messaging:" + target, body)

    except redis.RedisError as e:
        raise Unheard(e) from e

    # nobody needs a frame if nobody is there, but a revocation is stored by
    # who hears it
    if target == CONTROL and heard == 0:
        raise Unheard("nobody has heard it")
