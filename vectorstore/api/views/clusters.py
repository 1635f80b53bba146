"""``clusters/``."""

from dataclasses import asdict
from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.clusters import ClusterAnswerBody, ClusterBody, cluster_body
from vectorstore.api.views.base import View
from vectorstore.domain.access_requests import ClusterChanges, ClusterRequest
from vectorstore.service.cluster_service import ClusterService
from vectorstore.service.context import Scope

ORDERING: dict[str, Key] = {"name": lambda cluster: cluster.name, "uri": lambda cluster: cluster.uri}


class _ClusterView(View):
    tag = "Clusters"

    @property
    def service(self) -> ClusterService:
        return ClusterService(Scope(actor=self.actor))


class ClustersView(_ClusterView):
    @operation("List clusters", answer=ClusterBody, order=ORDERING)
    def get(self) -> dict[str, Any]:
        return self.page(self.service.list(), cluster_body, search=lambda cluster: cluster.name, ordering=ORDERING)

    @operation("Put a cluster on record", body=ClusterRequest, answer=ClusterBody, status=201, errors=(409,))
    def post(self, body: ClusterRequest) -> ClusterBody:
        """The password and the client key are never shown again."""
        return cluster_body(self.service.create(body))


class ClusterView(_ClusterView):
    @operation("Describe a cluster", answer=ClusterBody)
    def get(self, cluster: str) -> ClusterBody:
        return cluster_body(self.service.get(cluster))

    @operation("Change a cluster", body=ClusterChanges, answer=ClusterBody, errors=(409,))
    def patch(self, body: ClusterChanges, cluster: str) -> ClusterBody:
        """What is not given stays as it is. The cluster `default` is the environment's and is not changed here."""
        return cluster_body(self.service.update(cluster, body))

    @operation("Take a cluster off record", status=204, errors=(409,))
    def delete(self, cluster: str) -> None:
        """Milvus itself is left as it is."""
        self.service.delete(cluster)


class ClusterTestView(_ClusterView):
    @operation("Test a cluster", answer=ClusterAnswerBody)
    def post(self, cluster: str) -> dict[str, Any]:
        """Whether it answers, within five seconds."""
        return asdict(self.service.test(cluster))
