"""What is accepted as a token: EdDSA under a key of ours, for us, in time."""

import hmac
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.db import connection
from jwt.utils import base64url_encode

from tests.api.client import Api
from vectorstore.access.signing_keys import KeyRing, rotate
from vectorstore.access.verified import CredentialMemory
from vectorstore.api import authentication, token_backend, tokens
from vectorstore.api.token_backend import backend
from vectorstore.models import SigningKey

Forge = Callable[[dict[str, Any], SigningKey], str]


def status(token: str) -> int:
    return Api(token).get("auth/me/").status_code


def signed(claims: dict[str, Any], key: SigningKey, **header: Any) -> str:
    return jwt.encode(claims, key.private_key(), algorithm="EdDSA", headers={"kid": key.kid, **header})


def written(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token that the library would refuse to make."""
    parts = [base64url_encode(json.dumps(part).encode()) for part in (header, claims)]
    return b".".join([*parts, base64url_encode(sign(b".".join(parts)))]).decode()


def hs256_under_the_public_key(claims: dict[str, Any], key: SigningKey) -> str:
    def sign(text: bytes) -> bytes:
        return hmac.digest(key.public.encode(), text, "sha256")

    return written({"alg": "HS256", "typ": "JWT", "kid": key.kid}, claims, sign)


def without(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


FORGERIES: dict[str, Forge] = {
    "unsigned": lambda claims, key: jwt.encode(claims, "", algorithm="none", headers={"kid": key.kid}),
    "HS256 under a guess": lambda claims, key: jwt.encode(claims, "x" * 64, "HS256", headers={"kid": key.kid}),
    "a foreign key under our kid": lambda claims, key: jwt.encode(
        claims, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": key.kid}
    ),
    "an unknown kid": lambda claims, key: signed(claims, key, kid="0" * 16),
    "a kid that is no text": lambda claims, key: written(
        {"alg": "EdDSA", "kid": [key.kid]}, claims, key.private_key().sign
    ),
    "HS256 under the public key": hs256_under_the_public_key,
    "a header that nests deeply": lambda claims, key: f"{base64url_encode(b'[' * 3_000).decode()}.x.x",
    "no kid": lambda claims, key: jwt.encode(claims, key.private_key(), "EdDSA"),
    "the kid of an audit key": lambda claims, key: signed(claims, SigningKey.objects.make("audit")),
    "expired": lambda claims, key: signed({**claims, "exp": int(time.time()) - 1}, key),
    "another audience": lambda claims, key: signed({**claims, "aud": "other"}, key),
    "a list of audiences": lambda claims, key: signed({**claims, "aud": ["vectorstore-api", "other"]}, key),
    "another issuer": lambda claims, key: signed({**claims, "iss": "other"}, key),
    "no audience": lambda claims, key: signed(without(claims, "aud"), key),
    "no issuer": lambda claims, key: signed(without(claims, "iss"), key),
    "no end": lambda claims, key: signed(without(claims, "exp"), key),
    "no id": lambda claims, key: signed(without(claims, "jti"), key),
    "another kind": lambda claims, key: signed({**claims, "token_type": "refresh"}, key),
    "another user": lambda claims, key: signed({**claims, "user_id": "999"}, key),
    "another family": lambda claims, key: signed({**claims, "fam": "x"}, key),
    "no family": lambda claims, key: signed(without(claims, "fam"), key),
    "another password": lambda claims, key: signed({**claims, "ver": "0" * 16}, key),
}


@pytest.fixture
def claims(user: User) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(tokens.issue(user)["access"], options={"verify_signature": False})
    return found


def test_a_token_names_its_key_and_carries_no_right(user: User, claims: dict[str, Any]) -> None:
    access = tokens.issue(user)["access"]
    key = SigningKey.objects.get()
    assert jwt.get_unverified_header(access) == {"alg": "EdDSA", "kid": key.kid, "typ": "JWT"}
    assert set(claims) == {"token_type", "exp", "iat", "jti", "iss", "aud", "user_id", "fam", "ver"}
    assert claims["exp"] - claims["iat"] == 300
    assert status(signed(claims, key)) == 200


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_401(claims: dict[str, Any], forgery: str) -> None:
    assert status(FORGERIES[forgery](claims, SigningKey.objects.get(purpose="token"))) == 401


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_unknown_keys_is_no_flood_of_queries(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, asked = KeyRing("token"), []
    kid, _ = ring.signing()
    load = ring._load
    monkeypatch.setattr(ring, "_load", lambda: (asked.append(time.monotonic()), load()))

    def flood(first: int) -> None:
        for number in range(first, first + 10):
            assert ring.verifying(f"{number:016x}") is None
        connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(flood, range(0, 320, 10)))
    assert ring.verifying("x" * 10_000) is None
    assert len(asked) <= 2 + (time.monotonic() - began) / 0.05
    assert ring.verifying(kid) is not None


def test_a_key_of_this_moment_is_met_at_once(user: User) -> None:
    ring = KeyRing("token")
    ring.signing()
    assert ring.verifying("0" * 16) is None  # the keys were read just now
    assert ring.verifying(rotate("token", timedelta(days=1)).kid) is not None


def test_an_unknown_key_is_asked_for_again_after_a_second(user: User) -> None:
    ring = KeyRing("token")
    ring.signing()
    assert ring.verifying("0" * 16) is None
    time.sleep(0.1)
    made = SigningKey.objects.make("token")
    assert ring.verifying(made.kid) is not None  # at once: it was never asked for
    SigningKey.objects.filter(pk=made.pk).update(kid="0" * 16)
    assert ring.verifying("0" * 16) is None
    time.sleep(1.0)
    assert ring.verifying("0" * 16) is not None


def test_keys_are_parsed_once(user: User) -> None:
    ring = KeyRing("token", seconds=0)
    kid, private = ring.signing()
    public = ring.verifying(kid)
    assert ring.signing()[1] is private
    assert ring.verifying(kid) is public


def test_a_retired_key_is_refused_when_the_memory_of_it_ends(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "remembered", CredentialMemory(0.2))
    monkeypatch.setattr(backend, "ring", KeyRing("token", seconds=0.2))
    access = tokens.issue(user)["access"]
    assert status(access) == 200
    rotate("token", timedelta(0))
    time.sleep(0.25)
    assert status(access) == 401
    assert status(tokens.issue(user)["access"]) == 200


def test_the_memory_of_keys_is_at_most_five_seconds_long() -> None:
    assert token_backend.backend.ring._seconds <= 5


@pytest.mark.django_db(transaction=True)
def test_a_rotation_refuses_nobody_who_is_calling(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "remembered", CredentialMemory(0))
    monkeypatch.setattr(backend, "ring", KeyRing("token", seconds=0.2))
    access, over = tokens.issue(user)["access"], threading.Event()
    seen: list[int] = []

    def call() -> None:
        mine = access
        while not over.is_set():
            seen.append(status(mine))
            mine = tokens.issue(user)["access"] if len(seen) % 10 == 0 else mine
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    new = rotate("token", timedelta(days=1))
    time.sleep(1)
    over.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {200}
    assert len(seen) > 100
    assert jwt.get_unverified_header(tokens.issue(user)["access"])["kid"] == new.kid
    rotate("token", timedelta(0))
    time.sleep(0.25)
    assert status(access) == 401
