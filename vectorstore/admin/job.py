"""Jobs: watched while they run, cancelled, tried again. They are started elsewhere."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.decorators import display

from vectorstore.admin.calls import reported, scope_for
from vectorstore.admin.job_texts import (
    STATE_COLOURS,
    amount,
    facts,
    percent,
    rate_text,
    result_lines,
    seconds_text,
    state_text,
)
from vectorstore.admin.pages.base import context
from vectorstore.admin.through_service import ThroughService
from vectorstore.models import Job, JobState
from vectorstore.service.job_service import JobService

_UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)
_DONE = {"cancel": "is told to end", "retry": "is in the queue again"}


@admin.register(Job)
class JobAdmin(ThroughService):
    rights = {"view": "job.view"}
    list_display = ("title", "condition", "done_so_far", "pace", "time_left", "place", "actor", "created_at")
    list_filter = ("state", "kind")
    search_fields = ("kind", "collection", "actor")
    search_help_text = "Search by kind, collection or who asked"
    list_per_page = 25
    list_before_template = "admin/vectorstore/job_list_top.html"
    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Which jobs, ``get_queryset`` says: one's own need no right."""
        return self._may(request, "view") or JobService(scope_for(request)).reachable().exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return JobService(scope_for(request)).reachable()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        jobs = self.get_queryset(request)
        more = {"under_way": jobs.filter(state__in=_UNDER_WAY).exists(), "none_yet": not jobs.exists()}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    @display(description="Job", ordering="id", header=True)
    def title(self, job: Job) -> tuple[str, str]:
        return job.kind, f"{job.pk} · {job.stage}" if job.stage else str(job.pk)

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def condition(self, job: Job) -> tuple[str, str]:
        return job.state, state_text(job)

    @display(description="Progress")
    def done_so_far(self, job: Job) -> str:
        return format_html(
            '{} %<progress class="vs-progress" max="100" value="{}" aria-label="Progress of job {}, percent">'
            "</progress>",
            percent(job),
            percent(job),
            job.pk,
        )

    @display(description="Rate", empty_value="–")
    def pace(self, job: Job) -> str | None:
        return rate_text(job) or None

    @display(description="Time left", empty_value="–")
    def time_left(self, job: Job) -> str | None:
        return seconds_text(job.eta_s) or None

    @display(description="Collection", ordering="collection", empty_value="–")
    def place(self, job: Job) -> str | None:
        return job.collection or None

    # Pages

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/live/", wrap(self.live), name="vectorstore_job_live"),
            path("<int:pk>/cancel/", wrap(self.act), {"action": "cancel"}, name="vectorstore_job_cancel"),
            path("<int:pk>/retry/", wrap(self.act), {"action": "retry"}, name="vectorstore_job_retry"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One job. The part of the page that changes asks for itself again while the job is under way."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        job = self._find(request, object_id)
        page = context(request, self, f"Job {job.pk}: {job.kind}", opts=self.opts, original=job, facts=facts(job))
        return TemplateResponse(request, "admin/vectorstore/job_detail.html", page | self._live(request, job))

    def live(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes."""
        return TemplateResponse(
            request, "admin/vectorstore/job_live.html", self._live(request, self._find(request, str(pk)))
        )

    def act(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Cancel or try again; POST only."""
        job = self._find(request, str(pk))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        with reported(request, f"Job {pk}: nothing was changed"):
            getattr(JobService(scope_for(request)), action)(job.pk)
            messages.success(request, f"Job {pk} {_DONE[action]}.")
        return HttpResponseRedirect(reverse("admin:vectorstore_job_change", args=[pk]))

    def _find(self, request: HttpRequest, key: str) -> Job:
        number = int(key) if key.isascii() and key.isdigit() and len(key) <= 18 else 0
        job = self.get_queryset(request).filter(pk=number).first()
        if job is None:
            raise Http404("There is no such job.")
        return job

    def _live(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        return {
            "job": job,
            "under_way": not job.ended,
            "state_text": state_text(job),
            "state_colour": STATE_COLOURS[job.state],
            "percent": percent(job),
            "amount": amount(job),
            "rate": rate_text(job),
            "left": seconds_text(job.eta_s),
            "result": result_lines(job),
            "lines": list(reversed(job.log)),
            "may_cancel": not job.ended and not job.cancel_requested and self._may_act(request, job),
            "may_retry": job.state in (JobState.FAILED, JobState.CANCELLED) and self._may_act(request, job),
        }

    def _may_act(self, request: HttpRequest, job: Job) -> bool:
        return JobService(scope_for(request)).may_cancel(job)
