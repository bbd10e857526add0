# Copyright (C) The ngx_http_messaging_module authors

"""
Who may no longer be there.

Signals come wherever a change is made: in a view, in the admin, by a command.
They do not come for QuerySet.update(): call revoke() there.
"""

import time

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from . import messaging
from .models import Membership, User


def revoke(user):
    """Tokens that the user has by now are void, here and in nginx."""

    # "iat" has whole seconds: the next one, so that those of this one are in.
    # Who logs in again within this second gets a token that is void, too.
    before = int(time.time()) + 1

    User.objects.filter(pk=user.pk).update(tokens_since=before)
    user.tokens_since = before

    messaging.control(action="revoke", user_id=user.pk, issued_before=before)


@receiver(post_save, sender=User)
def user_changed(sender, instance, created, update_fields=None, **kwargs):
    if created:
        return

    # at a login Django saves the same password with a newer hash, like this
    rehashed = instance._password is None \
        and update_fields == frozenset(["password"])

    if (instance.loaded["password"] != instance.password and not rehashed) \
            or not instance.is_active:
        revoke(instance)


@receiver(post_delete, sender=User)
def user_deleted(sender, instance, **kwargs):
    messaging.control(action="disconnect", user_id=instance.pk)


@receiver(post_delete, sender=Membership)
def membership_ended(sender, instance, **kwargs):
    messaging.control(action="withdraw", user_id=instance.user_id,
                      conversation_id=instance.conversation_id)
