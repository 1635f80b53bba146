"""Two tenants in one collection: their rows, their ways in, and what may never pass from one to the other."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse

from tests.api.client import Api
from tests.support.access import give
from vectorstore.api import tokens
from vectorstore.models import UserAttributes

TENANT = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
EAST = [1.0, 0.0, 0.0, 0.0]
MINE, FOREIGN = "hill", "hive"
ABSENT = "bez-0"
"""An id that no row has, as long as those of the other tenant's rows."""


def _row(identity: str, tenant: str, number: int) -> dict[str, Any]:
    mark = identity[:3].upper()
    return {
        "id": identity,
        "tenant": tenant,
        "vector": [1.0, number / 8, -number / 4, number / 2],  # 32 bits hold them exactly
        "secret": f"{mark}-secret-{number}",
        "note": f"{mark}-note-{number}",
        "n": number,
    }


ANTS = [_row(f"ant-{number}", MINE, number) for number in range(5)]
"""The rows of the tenant who asks."""
BEES = [_row(f"bee-{number}", FOREIGN, number) for number in range(7)]
"""The rows of the other; no two counts of rows are alike: 5, 7 and 12."""
MARKS = ("bee-", "BEE-", FOREIGN)
"""What every row of the other tenant has, and nothing else."""


def client(name: str, tenants: Any, collection: str, role: str = "editor", **grant: Any) -> Api:
    """Somebody with ``role`` on the collection, under the row filter unless another is given."""
    user = User.objects.create_user(f"{name}-{secrets.token_hex(3)}")
    if tenants is not None:
        UserAttributes.objects.create(user=user, values={"tenants": tenants})
    give(user, role, collection, **({"row_filter": TENANT} | grant))
    return Api(tokens.issue(user)["access"])


@dataclass
class Shared:
    """The collection, its alias, a superuser and both tenants."""

    root: Api
    name: str
    alias: str
    mine: Api
    other: Api

    @property
    def addresses(self) -> tuple[str, str]:
        return f"collections/{self.name}/", f"collections/{self.alias}/"

    @property
    def address(self) -> str:
        return self.addresses[0]

    def rows(self, tenant: str) -> list[dict[str, Any]]:
        """All rows of a tenant as a superuser sees them, by id."""
        body = {"filter": f"tenant == '{tenant}'", "limit": 1000}
        found = self.root.post(self.address + "vectors/query/", body).json()["results"]
        return sorted(found, key=lambda row: row["id"])

    def restore(self) -> None:
        """The first tenant's rows, and those of nobody, as they were."""
        if self.rows(MINE) != ANTS or self._count() != len(ANTS) + len(BEES):
            gone = self.root.post(self.address + "vectors/delete/", {"filter": f"not (tenant == '{FOREIGN}')"})
            assert gone.status_code == 200, gone.content
            self.write(ANTS)

    def write(self, rows: list[dict[str, Any]]) -> None:
        answer = self.root.post(self.address + "vectors/", {"vectors": rows})
        assert answer.status_code == 201, answer.content

    def _count(self) -> int:
        return int(self.root.post(self.address + "vectors/count/", {}).json()["count"])


def leaked(answer: HttpResponse, body: Any) -> list[str]:
    """Marks of the other tenant's rows in the answer that the request itself did not bring."""
    text, sent = answer.content.decode(), json.dumps(body, ensure_ascii=False)
    return [mark for mark in MARKS if mark in text and mark not in sent]


def foreign_rows(answer: HttpResponse) -> list[str]:
    """Ids in ``results`` that are the other tenant's."""
    results = json.loads(answer.content).get("results", ())
    flat = [item for part in results for item in (part if isinstance(part, list) else [part])]
    return [item["id"] for item in flat if item.get("id", "").startswith("bee-")]


def comparable(answer: HttpResponse, replaced: str) -> str:
    """The whole answer, with ``replaced`` blotted out and without the request's own id and time.

    Members are sorted: Milvus gives the fields of a row in any order.
    """
    told = json.loads(answer.content.decode().replace(replaced, "<id>"))
    for name in ("took_ms", "request_id"):
        told.pop(name, None)
    return f"{answer.status_code} {json.dumps(told, sort_keys=True)}"


def reads(filter_: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every reading request that takes a filter."""
    hybrid = {"vector": EAST, "top_k": 50}
    return [
        ("vectors/query/", {"limit": 100, **filter_}),
        ("vectors/count/", filter_),
        ("search/", {"vector": EAST, "top_k": 50, "output_fields": ["*"], **filter_}),
        ("search/", {"vectors": [EAST, EAST], "top_k": 50, **filter_}),
        ("search/", {"id": "ant-0", "top_k": 50, **filter_}),
        ("search/range/", {"vector": EAST, "radius": 1000.0, "output_fields": ["*"], **filter_}),
        ("search/hybrid/", {"searches": [hybrid, hybrid], "top_k": 50, "output_fields": ["*"], **filter_}),
        ("search/hybrid/", {"searches": [hybrid, hybrid | filter_], "top_k": 50, "output_fields": ["*"]}),
        ("search/explain/", {"vector": EAST, **filter_}),
    ]
