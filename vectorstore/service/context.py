"""On whose behalf and where a service works."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vectorstore.access.actor import SYSTEM, Actor
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.models import CollectionName

log = logging.getLogger("vectorstore.operations")


@dataclass(frozen=True, slots=True)
class Scope:
    """The caller, the cluster and the database. Without arguments: the system itself on the default ones."""

    actor: Actor = SYSTEM
    cluster: str = "default"
    database: str = "default"

    def address(self, collection: str) -> CollectionName:
        return CollectionName(self.cluster, self.database, collection)

    @contextmanager
    def operation(self, action: str, target: str = "") -> Iterator[None]:
        """Carries the steps that every use case shares: check the right, do it, record how it ended.

        Raises:
            PermissionDenied: the actor may not do ``action``.
        """
        self.actor.require(action)
        began = time.perf_counter()
        outcome = "ok"
        try:
            yield
        except VectorStoreError as error:
            outcome = error.code
            raise
        except BaseException:
            outcome = "error"
            raise
        finally:
            if log.isEnabledFor(logging.DEBUG):
                spent = (time.perf_counter() - began) * 1000
                log.debug("%s %s by %s: %s in %.1f ms", action, self.address(target), self.actor.name, outcome, spent)


class Service:
    """Base of the services: they differ in their methods, not in how they are made."""

    def __init__(self, scope: Scope | None = None) -> None:
        self.scope = scope or Scope()
