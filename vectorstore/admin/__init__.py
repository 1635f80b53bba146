"""The web console: Django's admin in Unfold's clothes. Importing it registers every page."""

from vectorstore.admin import beat, cluster, collection, index, users

__all__ = ["beat", "cluster", "collection", "index", "users"]
