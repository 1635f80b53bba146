"""``jobs/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.schemas.jobs import JobBody, JobSummary, job_body, job_summary
from vectorstore.api.views.base import View
from vectorstore.service.context import Scope
from vectorstore.service.job_service import JobService

_ORDER = ("id", "created_at", "finished_at")
_FILTERS = ("state", "kind", "collection")


class _JobsView(View):
    tag = "Jobs"

    @property
    def service(self) -> JobService:
        return JobService(Scope(actor=self.actor))


class JobsView(_JobsView):
    @operation("List jobs", answer=JobSummary, order=_ORDER, query=_FILTERS)
    def get(self) -> dict[str, Any]:
        """One's own, and those of collections whose jobs one may view; the newest first."""
        asked = self.request.query_params
        found = self.service.list(**{name: asked.get(name, "") for name in _FILTERS})
        return self.table(found.defer("log", "params"), job_summary, search="kind", order="-id")


class JobView(_JobsView):
    @operation("Get a job", answer=JobBody)
    def get(self, number: int) -> JobBody:
        """What it does, how far it is and how it ended."""
        return job_body(self.service.get(number))


class CancelJobView(_JobsView):
    @operation("Cancel a job", answer=JobBody, status=202, errors=(409,))
    def post(self, number: int) -> JobBody:
        """It ends within seconds and takes back what it has made; rows that an import has written stay. 409 where it
        has ended otherwise."""
        return job_body(self.service.cancel(number))


class RetryJobView(_JobsView):
    @operation("Retry a job", answer=JobBody, status=202, errors=(409,))
    def post(self, number: int) -> JobBody:
        """Of one that failed or was cancelled: it goes on after its last finished chunk."""
        return job_body(self.service.retry(number))
