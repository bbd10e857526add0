#!/usr/bin/python3

# Copyright (C) The ngx_http_messaging_module authors

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
execute_from_command_line(sys.argv)
