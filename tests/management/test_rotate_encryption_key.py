"""Bringing the kept secrets under a new encryption key."""

import itertools
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from vectorstore.config.encryption import decrypt, encrypt
from vectorstore.config.settings import current
from vectorstore.models import Cluster, SigningKey

pytestmark = pytest.mark.django_db
OLD, NEW = "old-" * 10, "new-" * 10


@pytest.fixture
def keys(bound: pytest.MonkeyPatch) -> Callable[..., None]:
    """The encryption keys from now on."""

    def configure(*keys: str) -> None:
        bound.setenv("VECTORSTORE_ENCRYPTION_KEYS", ",".join(keys))
        current.cache_clear()

    configure(OLD)
    return configure


@pytest.fixture
def secrets(keys: Callable[..., None]) -> None:
    Cluster.objects.create(name="one", password=encrypt("a password"), client_key=encrypt("a key"))
    Cluster.objects.create(name="two", password=encrypt("another password"))
    for purpose in ("token", "audit"):
        SigningKey.objects.make(purpose)


def rotate() -> str:
    out = StringIO()
    call_command("rotate_encryption_key", stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("secrets")
def test_afterwards_the_former_key_is_needed_no_more(keys: Callable[..., None]) -> None:
    keys(NEW, OLD)
    said = rotate()
    keys(NEW)
    one, two = Cluster.objects.get(name="one"), Cluster.objects.get(name="two")
    assert (decrypt(one.password), decrypt(one.client_key)) == ("a password", "a key")
    assert (decrypt(two.password), two.client_key) == ("another password", "")
    for key in SigningKey.objects.all():
        assert key.private_key().public_key() == key.public_key()
    assert said.splitlines() == [
        "Cluster.password: 2",
        "Cluster.client_key: 1",
        "SigningKey.private: 2",
        "5 secrets are under the first key.",
    ]


@pytest.mark.usefixtures("secrets")
def test_a_secret_under_an_unknown_key_stops_it_before_anything_is_changed(keys: Callable[..., None]) -> None:
    before = list(itertools.chain(Cluster.objects.values_list("password"), SigningKey.objects.values_list("private")))
    keys(NEW, "other" * 8)
    with pytest.raises(CommandError, match="VECTORSTORE_ENCRYPTION_KEYS"):
        rotate()
    after = list(itertools.chain(Cluster.objects.values_list("password"), SigningKey.objects.values_list("private")))
    assert after == before
    with pytest.raises(ImproperlyConfigured):
        decrypt(before[0][0])


def test_without_secrets_there_is_nothing_to_do(keys: Callable[..., None]) -> None:
    assert "0 secrets" in rotate()
