"""Change the key that signs tokens or the audit log's checkpoints."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vectorstore.access.signing_keys import REMEMBER_S, Rotation, rotate
from vectorstore.models import SigningKey

_TOKENS = SigningKey.Purpose.TOKEN
_DAY_S = 86_400


class Command(BaseCommand):
    help = (
        "Makes a new signing key. Former keys go on verifying for the overlap, so that nobody is signed out; "
        "with --at-once they are refused immediately, for a key that became known to somebody."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--purpose", choices=SigningKey.Purpose.values, default=_TOKENS)
        overlap = parser.add_mutually_exclusive_group()
        overlap.add_argument("--overlap", type=int, default=_DAY_S, metavar="SECONDS")
        overlap.add_argument("--at-once", action="store_true")

    def handle(self, *args: Any, purpose: str, overlap: int, at_once: bool, **options: Any) -> None:
        if not 0 <= overlap <= 365 * _DAY_S:
            raise CommandError("--overlap should be between 0 seconds and a year.")
        rotation = rotate(purpose, timedelta(seconds=0 if at_once else overlap))
        self.stdout.write(f"The key {rotation.kid} signs from now on, everywhere within {REMEMBER_S:g} s.")
        for kid in rotation.former:
            self.stdout.write(_what_happens(kid, rotation, purpose, at_once))
        if purpose == _TOKENS and rotation.former and (at_once or overlap < _DAY_S):
            self.stdout.write("Refresh tokens live for a day: those that end earlier with their key mean a new login.")


def _what_happens(kid: str, rotation: Rotation, purpose: str, at_once: bool) -> str:
    if purpose != _TOKENS:
        return f"The key {kid} signs no more; what it has signed stays valid."
    if at_once:
        return f"The key {kid} is retired: its tokens are refused everywhere within {REMEMBER_S:g} s."
    return f"The key {kid} verifies until {rotation.retires_at:%Y-%m-%d %H:%M:%S} UTC and is refused after that."
