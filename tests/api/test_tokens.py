"""Refresh tokens: good for one use, whoever comes first; nothing outlives its family, its user or the password."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from tests.api.client import Api, assert_problem
from vectorstore.access import token_families
from vectorstore.api import tokens
from vectorstore.domain.errors import AuditUnavailable
from vectorstore.models import TokenFamily, UsedRefreshToken
from vectorstore.tasks import purge_tokens

REFRESH, REVOKE = "auth/token/refresh/", "auth/token/revoke/"


@pytest.mark.django_db(transaction=True)
def test_of_fifty_uses_at_once_one_is_served_and_the_family_ends(user: User) -> None:
    first = tokens.issue(user)
    gate, answers = threading.Barrier(50), []

    def use() -> None:
        gate.wait()
        answers.append(Api().post(REFRESH, {"refresh": first["refresh"]}))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 49}
    assert TokenFamily.objects.get().revoked_because == "replay"
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert_problem(Api().post(REFRESH, {"refresh": won["refresh"]}), 401, "not_authenticated")
    for dead in (first, won):
        assert_problem(Api(dead["access"]).get("auth/me/"), 401, "not_authenticated")


def test_every_refusal_has_the_same_text(user: User) -> None:
    used, revoked, live = (tokens.issue(user)["refresh"] for _ in range(3))
    Api().post(REFRESH, {"refresh": used})
    Api().post(REVOKE, {"refresh": revoked})
    gone = User.objects.create_user("gone")
    of_gone = tokens.issue(gone)["refresh"]
    gone.delete()
    refused = [used, revoked, of_gone, "", "x", "a.b.c", live[:-4], tokens.issue(user)["access"]]
    details = [Api().post(REFRESH, {"refresh": token}).json()["detail"] for token in refused]
    assert set(details) == {"The refresh token is not valid, has expired or was used before."}


@pytest.mark.parametrize("address", [REFRESH, REVOKE])
def test_the_refresh_token_of_a_deleted_user_is_401(user: User, address: str) -> None:
    refresh = tokens.issue(user)["refresh"]
    user.delete()
    assert_problem(Api().post(address, {"refresh": refresh}), 401, "not_authenticated")


def test_a_changed_password_ends_the_refresh_token(user: User) -> None:
    refresh = tokens.issue(user)["refresh"]
    user.set_password("another horse")
    user.save()
    assert_problem(Api().post(REFRESH, {"refresh": refresh}), 401, "not_authenticated")
    assert not UsedRefreshToken.objects.exists()


def test_another_secret_key_leaves_tokens_good_while_the_former_is_a_fallback(user: User, settings: object) -> None:
    pair, former = tokens.issue(user), settings.SECRET_KEY  # type: ignore[attr-defined]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [former]  # type: ignore[attr-defined]
    pair = Api().post(REFRESH, {"refresh": pair["refresh"]}).json()
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    assert Api(pair["access"]).get("auth/me/").status_code == 200
    settings.SECRET_KEY = "m" * 60  # type: ignore[attr-defined]
    assert_problem(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "not_authenticated")


def test_a_family_ends_after_seven_days_however_often_it_is_refreshed(user: User) -> None:
    refresh = tokens.issue(user)["refresh"]
    family = TokenFamily.objects.get()
    assert family.expires_at - family.created_at == pytest.approx(timedelta(days=7), abs=timedelta(seconds=1))
    TokenFamily.objects.update(expires_at=timezone.now() + timedelta(seconds=90))
    pair = tokens.rotate(refresh)
    for token in pair.values():
        claims = jwt.decode(token, options={"verify_signature": False})
        assert 60 < claims["exp"] - claims["iat"] <= 90
    TokenFamily.objects.update(expires_at=timezone.now())
    assert_problem(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "not_authenticated")


def test_a_refresh_token_lives_for_a_day(user: User) -> None:
    claims = jwt.decode(tokens.issue(user)["refresh"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 86_400


def test_revoking_ends_the_access_token_too(user: User, client_of: Callable[[User], Api]) -> None:
    pair = tokens.issue(user)
    assert Api(pair["access"]).get("auth/me/").status_code == 200
    assert Api().post(REVOKE, {"refresh": pair["refresh"]}).status_code == 204
    assert_problem(Api(pair["access"]).get("auth/me/"), 401, "not_authenticated")
    assert TokenFamily.objects.get().revoked_because == "logout"


def test_a_use_that_cannot_be_recorded_leaves_the_token_unused(user: User) -> None:
    refresh = tokens.issue(user)["refresh"]

    def unwritable(_: object) -> None:
        raise AuditUnavailable("The audit log cannot be written.")

    with pytest.raises(AuditUnavailable):
        tokens.rotate(refresh, unwritable)
    assert set(tokens.rotate(refresh)) == {"access", "refresh"}


def test_expired_families_are_purged_with_their_uses(user: User) -> None:
    for _ in range(2):
        tokens.rotate(tokens.issue(user)["refresh"])
    kept = token_families.begin(user)
    TokenFamily.objects.exclude(pk=kept.pk).update(expires_at=timezone.now())
    assert purge_tokens() == 2
    assert (TokenFamily.objects.get(), UsedRefreshToken.objects.count()) == (kept, 0)
