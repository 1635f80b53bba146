"""Bodies of ``aliases/``."""

from dataclasses import dataclass
from typing import TypedDict

from vectorstore.service.representations import AliasView


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRequest:
    alias: str
    collection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasTarget:
    """Where an alias is to point from now on; ``alias``, where given, repeats the address."""

    collection: str
    alias: str | None = None


class AliasBody(TypedDict):
    alias: str
    collection: str


def alias_body(view: AliasView) -> AliasBody:
    return {"alias": view.alias, "collection": view.collection}
