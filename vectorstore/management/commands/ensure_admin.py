"""Make the first administrator."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from vectorstore.config.settings import current


class Command(BaseCommand):
    help = (
        "Makes the superuser 'admin' if there is no superuser yet: with VECTORSTORE_ADMIN_PASSWORD, "
        "else with a random password that is printed once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            return
        given = current().admin_password
        password = given or secrets.token_urlsafe(18)
        users.create_superuser(username="admin", email="", password=password)
        if given:
            self.stdout.write("Made the administrator 'admin' with the password of VECTORSTORE_ADMIN_PASSWORD.")
        else:
            self.stdout.write(f"Made the administrator 'admin' with the password {password}")
            self.stdout.write("It is not shown again: keep it, or change it in the admin.")
