"""The web console: Django's admin in Unfold's clothes. Importing it registers every page."""

from vectorstore.admin import (
    api_key,
    audit,
    beat,
    cluster,
    collection,
    grant,
    index,
    job,
    profile,
    service_account,
    users,
)

__all__ = [
    "api_key",
    "audit",
    "beat",
    "cluster",
    "collection",
    "grant",
    "index",
    "job",
    "profile",
    "service_account",
    "users",
]
