# Copyright (C) The ngx_http_messaging_module authors

from django.core.management.base import BaseCommand
from django.db import transaction

from chat.models import Conversation, User


class Command(BaseCommand):
    help = "Makes three people and two conversations, if there are none."

    @transaction.atomic
    def handle(self, **options):
        if User.objects.exists():
            return

        ann, bob, eve = (
            User.objects.create_user(name, password=name + "-secret",
                                     first_name=name.capitalize())
            for name in ("ann", "bob", "eve"))

        for title, members in (("Ann and Bob", (ann, bob)),
                               ("Old times", (ann, bob)),
                               ("All", (ann, bob, eve))):
            conversation = Conversation.objects.create(title=title)

            for user in members:
                conversation.membership_set.create(user=user,
                                                   owner=user == ann)

        Conversation.objects.filter(title="Old times").update(archived=True)
