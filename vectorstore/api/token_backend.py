"""How tokens are signed and read: EdDSA under the key that the header's ``kid`` names, and nothing else (RFC 8725)."""

from typing import Any

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken

from vectorstore.access.signing_keys import KeyRing
from vectorstore.models import SigningKey

ALGORITHM = "EdDSA"
ISSUER = "vectorstore"
AUDIENCE = "vectorstore-api"
_LONGEST = 4_096
_OPTIONS: Any = {
    "require": ["exp", "iat", "iss", "aud", "jti"],
    "strict_aud": True,
    "verify_iat": False,  # another machine's clock may be a second ahead
}


class SigningKeyBackend(TokenBackend):
    """Keys come from the database, through a ring that this process remembers."""

    def __init__(self, ring: KeyRing) -> None:
        super().__init__(ALGORITHM, audience=AUDIENCE, issuer=ISSUER)
        self.ring = ring

    def encode(self, payload: dict[str, Any]) -> str:
        kid, key = self.ring.signing()
        claims = {**payload, "aud": AUDIENCE, "iss": ISSUER}
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims of a valid token; there is no reading of one that is not verified, whatever ``verify`` says.

        Raises:
            TokenBackendExpiredToken: it has expired.
            TokenBackendError: it is no token of ours.
        """
        try:
            if len(token) > _LONGEST:
                raise TokenBackendError("Token is invalid")
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            key = self.ring.verifying(kid) if header.get("alg") == ALGORITHM and isinstance(kid, str) else None
            if key is None:
                raise TokenBackendError("Token is invalid")
            return jwt.decode(token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS)
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("Token is expired") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenBackendError("Token is invalid") from error


backend = SigningKeyBackend(KeyRing(SigningKey.Purpose.TOKEN))
