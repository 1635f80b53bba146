"""Typed settings, and the rules of collections and indexes."""
