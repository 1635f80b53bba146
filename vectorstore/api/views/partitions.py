"""``collections/{name}/partitions/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.partitions import PartitionBody, PartitionRequest, partition_body
from vectorstore.api.views.base import EngineView
from vectorstore.domain.errors import NotFound
from vectorstore.service import PartitionService

ORDERING: dict[str, Key] = {"name": lambda view: view.name, "row_count": lambda view: view.row_count}


class _PartitionView(EngineView):
    tag = "Partitions"

    @property
    def service(self) -> PartitionService:
        return PartitionService(self.scope)

    def described(self, name: str, partition: str) -> PartitionBody:
        for view in self.service.list(name):
            if view.name == partition:
                return partition_body(view)
        raise NotFound(f"There is no partition {partition} in {name}.")


class PartitionsView(_PartitionView):
    @operation("List partitions", answer=PartitionBody, order=ORDERING)
    def get(self, name: str) -> dict[str, Any]:
        return self.page(self.service.list(name), partition_body, search=lambda view: view.name, ordering=ORDERING)

    @operation("Create a partition", body=PartitionRequest, answer=PartitionBody, status=201)
    def post(self, body: PartitionRequest, name: str) -> PartitionBody:
        self.service.create(name, body.name)
        return self.described(name, body.name)


class PartitionView(_PartitionView):
    @operation("Describe a partition", answer=PartitionBody)
    def get(self, name: str, partition: str) -> PartitionBody:
        return self.described(name, partition)

    @operation("Drop a partition", status=204)
    def delete(self, name: str, partition: str) -> None:
        self.service.drop(name, partition)
