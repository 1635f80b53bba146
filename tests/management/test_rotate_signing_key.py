"""Changing the signing keys."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from vectorstore.access.signing_keys import KeyRing
from vectorstore.models import SigningKey

pytestmark = pytest.mark.django_db


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_signing_key", *arguments, stdout=out)
    return out.getvalue()


def left(key: SigningKey) -> float:
    """Seconds until the key retires."""
    key.refresh_from_db()
    assert key.retires_at is not None
    return (key.retires_at - timezone.now()).total_seconds()


def test_the_new_key_signs_and_the_former_verifies_for_a_day() -> None:
    former = SigningKey.objects.signing("token")
    said = rotate()
    new = SigningKey.objects.signing("token")
    assert new.kid != former.kid
    assert left(former) == pytest.approx(86_400, abs=5)
    assert f"{new.kid} signs from now on" in said
    assert f"{former.kid} verifies until {former.retires_at:%Y-%m-%d %H:%M:%S} UTC" in said


def test_an_overlap_can_be_shorter_and_never_lengthens_the_life_of_a_key() -> None:
    oldest = SigningKey.objects.signing("token")
    rotate("--overlap", "60")
    older = SigningKey.objects.signing("token")
    said = rotate("--overlap", "3600")
    assert left(oldest) == pytest.approx(60, abs=5)
    assert left(older) == pytest.approx(3600, abs=5)
    assert oldest.kid not in said
    assert "a new login" in said


def test_at_once_retires_every_former_key() -> None:
    oldest = SigningKey.objects.signing("token")
    rotate()
    older = SigningKey.objects.signing("token")
    said = rotate("--at-once")
    assert left(oldest) <= 0 >= left(older)
    assert all(f"{key.kid} is retired" in said for key in (oldest, older))
    ring = KeyRing("token")
    assert ring.verifying(older.kid) is None
    assert ring.verifying(ring.signing()[0]) is not None


def test_the_first_key_is_made_where_there_was_none() -> None:
    assert "signs from now on" in rotate()
    assert SigningKey.objects.filter(purpose="token", retires_at=None).count() == 1


def test_the_other_purpose_is_left_alone() -> None:
    token, audit = SigningKey.objects.signing("token"), SigningKey.objects.signing("audit")
    assert f"{audit.kid} signs no more; what it has signed stays valid" in rotate("--purpose", "audit")
    token.refresh_from_db()
    assert token.retires_at is None
    assert SigningKey.objects.signing("audit").kid != audit.kid
    assert left(audit) == pytest.approx(timedelta(days=1).total_seconds(), abs=5)


@pytest.mark.parametrize(
    "arguments", [("--overlap", "-1"), ("--overlap", "31536001"), ("--purpose", "x"), ("--at-once", "--overlap", "5")]
)
def test_what_makes_no_sense_changes_nothing(arguments: tuple[Any, ...]) -> None:
    former = SigningKey.objects.signing("token")
    with pytest.raises(CommandError):
        rotate(*arguments)
    assert list(SigningKey.objects.all()) == [former]
