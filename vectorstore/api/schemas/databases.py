"""Bodies of ``databases/``."""

from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseRequest:
    name: str


class DatabaseBody(TypedDict):
    name: str


def database_body(name: str) -> DatabaseBody:
    return {"name": name}
