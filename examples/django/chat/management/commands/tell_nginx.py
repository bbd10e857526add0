# Copyright (C) The ngx_http_messaging_module authors

from django.core.management.base import BaseCommand

from chat import messaging


class Command(BaseCommand):
    help = "Tells nginx what it was not told yet; for cron, and at start."

    def handle(self, **options):
        messaging.flush()
