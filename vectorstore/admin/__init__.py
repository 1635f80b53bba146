"""The web console: Django's admin in Unfold's clothes."""
