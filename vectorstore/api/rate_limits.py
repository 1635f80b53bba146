"""Rate limits of requests, and the headers that tell them (draft-ietf-httpapi-ratelimit-headers-03)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from vectorstore.access.actor import Actor
from vectorstore.access.throttle import Verdict, hit
from vectorstore.access.verified import Verified
from vectorstore.api.source import network_of, source_of
from vectorstore.config.settings import current
from vectorstore.domain.errors import Throttled

PUBLIC_PER_MINUTE = 60
"""Of the views that authenticate nobody, by address and bucket: those that hand out tokens, downloads."""

_COUNTED = "_rate_limit"


def count(request: Request, *, public: bool, bucket: str = "login") -> None:
    """Count a request against its caller: an API key, an account, or for a ``public`` view an address in ``bucket``.

    Raises:
        Throttled: it is one too many.
        AuthenticationFailed: its credentials are not valid.
    """
    http = request._request
    if public:
        verdict = hit(f"{bucket}:{network_of(source_of(http))}", PUBLIC_PER_MINUTE)
    elif request.user.is_authenticated:
        verdict = _of_caller(request)
    else:
        return  # the answer is 401; see ``tell``
    setattr(http, _COUNTED, verdict)
    if not verdict.allowed:
        raise Throttled(f"More than {verdict.limit} requests a minute; try again later.", retry_after=verdict.reset_s)


def _of_caller(request: Request) -> Verdict:
    default = current().rate_limit
    user = request.user
    if not isinstance(user, Actor):
        return hit(f"user:{user.pk}", default)
    if user.key_prefix:
        own = request.auth.rate_limit if isinstance(request.auth, Verified) else None
        return hit(f"key:{user.key_prefix}", own or default)
    return hit(f"{user.kind}:{user.id}", default)


def tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add the headers. A request of nobody in particular is counted by its address."""
    verdict = getattr(request, _COUNTED, None)
    if verdict is None:
        verdict = hit(f"address:{network_of(source_of(request))}", current().rate_limit)
    response["RateLimit-Limit"] = str(verdict.limit)
    response["RateLimit-Remaining"] = str(verdict.remaining)
    response["RateLimit-Reset"] = str(verdict.reset_s)
