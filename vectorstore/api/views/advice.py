"""``advice/{collection}/``."""

from vectorstore.api.operation import operation
from vectorstore.api.schemas.advice import AdviceBody, advice_body
from vectorstore.api.schemas.jobs import JobBody, job_body
from vectorstore.api.views.base import EngineView
from vectorstore.backup.reindex_service import ReindexService
from vectorstore.domain.requests import AdviceRequest, ApplyAdviceRequest
from vectorstore.service.advice_service import AdviceService


class AdviceView(EngineView):
    tag = "Indexes"

    @operation("Get the advice about an index", answer=AdviceBody, query=("field",))
    def get(self, name: str) -> AdviceBody:
        """What the last sweep measured, and which index it recommends; ``?field=`` where there are several."""
        field = self.request.query_params.get("field") or None
        return advice_body(AdviceService(self.scope).latest(name, field))

    @operation("Start a sweep", body=AdviceRequest, answer=JobBody, status=202)
    def post(self, body: AdviceRequest, name: str) -> JobBody:
        """Builds the indexes that come into question over a sample, out of sight, and searches them. The job's result:
        ``{"collection", "field", "points", "recommended", "reasons"}``."""
        return job_body(AdviceService(self.scope).start(name, body))


class ApplyAdviceView(EngineView):
    tag = "Indexes"

    @operation("Apply the advice", body=ApplyAdviceRequest, answer=JobBody, status=202)
    def post(self, body: ApplyAdviceRequest, name: str) -> JobBody:
        """Builds the recommended index, or that of ``point``, beside the present one, which it then replaces. Searches
        and writes go on meanwhile."""
        return job_body(ReindexService(self.scope).apply(name, body))
