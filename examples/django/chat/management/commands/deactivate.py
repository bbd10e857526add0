# Copyright (C) The ngx_http_messaging_module authors

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from chat.models import User


class Command(BaseCommand):
    help = "Shuts somebody out, at once."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, username, **options):
        user = User.objects.filter(username=username).first()

        if user is None:
            raise CommandError("there is no %s" % username)

        user.is_active = False

        with transaction.atomic():
            user.save()
