# Copyright (C) The ngx_http_messaging_module authors

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):

    # tokens that were issued before this time are void
    tokens_since = models.BigIntegerField(default=0)

    @classmethod
    def from_db(cls, db, field_names, values):
        user = super().from_db(db, field_names, values)

        # for signals.py
        user.loaded = {name: user.__dict__.get(name)
                       for name in ("password", "is_active")}
        return user

    @property
    def name(self):
        return self.get_full_name() or self.username


class Conversation(models.Model):
    title = models.CharField(max_length=200)
    archived = models.BooleanField(default=False)
    members = models.ManyToManyField(User, through="Membership",
                                     related_name="conversations")


class Membership(models.Model):
    conversation = models.ForeignKey(Conversation, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)
    owner = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "user"],
                                    name="one_membership"),
        ]


class Message(models.Model):
    conversation = models.ForeignKey(Conversation, models.CASCADE,
                                     related_name="messages")
    sender = models.ForeignKey(User, models.CASCADE)

    # made by the client: who has got no answer sends the same again
    client_id = models.CharField(max_length=64, null=True)

    content = models.TextField()
    image = models.CharField(max_length=2048, null=True)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "client_id"],
                                    name="one_message"),
        ]


class Outgoing(models.Model):
    """
    What nginx is to be told.

    It is written in the transaction that it is about, and deleted when nginx
    has taken it: whatever is killed in between, it is told.
    """

    target = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
