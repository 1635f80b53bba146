"""``backup-policies/`` and their retention."""

from typing import Any

from django.utils import timezone

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.backup_policies import PolicyBody, RetentionPlan, plan_body, policy_body
from vectorstore.api.views.backups import BackupEngineView
from vectorstore.backup import scheduler
from vectorstore.backup.policy_service import PolicyService
from vectorstore.domain.backup_requests import BackupPolicyChanges, BackupPolicyRequest
from vectorstore.models import BackupPolicy

ORDERING: dict[str, Key] = {"name": lambda row: row.name, "created_at": lambda row: row.created_at}


class _PolicyView(BackupEngineView):
    @property
    def service(self) -> PolicyService:
        return PolicyService(self.scope)


class BackupPoliciesView(_PolicyView):
    @operation("List backup policies", answer=PolicyBody, order=ORDERING)
    def get(self) -> dict[str, Any]:
        """Those whose every collection is the caller's to back up."""
        return self.page(self.service.policies(), _body, search=lambda row: row.name, ordering=ORDERING)

    @operation("Make a backup policy", body=BackupPolicyRequest, answer=PolicyBody, status=201)
    def post(self, body: BackupPolicyRequest) -> PolicyBody:
        """The system makes its backups; whoever makes it must be allowed to back up all that its patterns match."""
        return _body(self.service.create(body))


class BackupPolicyView(_PolicyView):
    @operation("Describe a backup policy", answer=PolicyBody)
    def get(self, policy: str) -> PolicyBody:
        return _body(self.service.policy(policy))

    @operation("Change a backup policy", body=BackupPolicyChanges, answer=PolicyBody)
    def patch(self, body: BackupPolicyChanges, policy: str) -> PolicyBody:
        return _body(self.service.update(policy, body))

    @operation("Delete a backup policy", status=204)
    def delete(self, policy: str) -> None:
        """Its backups stay."""
        self.service.delete(policy)


class RetentionView(_PolicyView):
    @operation("Try a retention", answer=RetentionPlan)
    def get(self, policy: str) -> RetentionPlan:
        """What would be kept and what deleted of its backups now; nothing is."""
        return plan_body(scheduler.plan_of(self.service.policy(policy), timezone.now()))


def _body(row: BackupPolicy) -> PolicyBody:
    return policy_body(row, scheduler.next_runs(row, timezone.now()) if row.enabled else [])
