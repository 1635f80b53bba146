"""Ed25519 keys that sign tokens and audit checkpoints."""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.db import models
from django.db.models import Q
from django.utils import timezone

from vectorstore.config.encryption import decrypt, encrypt


class SigningKeys(models.Manager["SigningKey"]):
    def make(self, purpose: str) -> "SigningKey":
        """A new key, which signs from now on."""
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self.create(
            kid=secrets.token_hex(8), purpose=purpose, private=encrypt(pem.decode()), public=public.decode()
        )

    def signing(self, purpose: str) -> "SigningKey":
        """The key that signs now; the first one is made when it is first needed."""
        return self.filter(purpose=purpose, retires_at=None).first() or self.make(purpose)

    def verifying(self, kid: str, purpose: str) -> "SigningKey | None":
        """The key of that id unless it is retired."""
        valid = Q(retires_at=None) | Q(retires_at__gt=timezone.now())
        return self.filter(valid, kid=kid, purpose=purpose).first()


class SigningKey(models.Model):
    """``private`` is a ciphertext of ``config.encryption``; ``public`` is PEM.

    Of each purpose the newest key that has no ``retires_at`` signs. One with ``retires_at`` in the future verifies
    until then; after that it verifies no token. Checkpoints of the audit log verify for ever.
    """

    class Purpose(models.TextChoices):
        TOKEN = "token"  # noqa: S105  a purpose
        AUDIT = "audit"

    kid = models.CharField(primary_key=True, max_length=32)
    purpose = models.CharField(max_length=8, choices=Purpose)
    private = models.TextField()
    public = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    retires_at = models.DateTimeField(null=True, blank=True)

    objects = SigningKeys()

    class Meta:
        verbose_name = "signing key"
        ordering = ("-created_at", "-kid")

    def __str__(self) -> str:
        return f"{self.purpose} {self.kid}"

    def private_key(self) -> Ed25519PrivateKey:
        key = load_pem_private_key(decrypt(self.private).encode(), password=None)
        assert isinstance(key, Ed25519PrivateKey)  # noqa: S101  only ``make`` writes the column
        return key

    def public_key(self) -> Ed25519PublicKey:
        key = load_pem_public_key(self.public.encode())
        assert isinstance(key, Ed25519PublicKey)  # noqa: S101
        return key
